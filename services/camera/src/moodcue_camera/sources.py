"""What a source of pictures is: media that is asked by time, or live pictures that come by."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moodcue.errors import MoodcueError
from moodcue.health import Problem

Image = npt.NDArray[np.uint8]
"""BGR picture, shape (height, width, 3)."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class SourceError(MoodcueError):
    """A source gives no pictures; the text names it and says what to do."""


class MediaSource(Protocol):
    """Pictures that lie ready and are asked for by media time: a file, a folder, a synthetic face.

    Media time is in seconds, begins with 0 and is never asked backwards, except after `rewind`.
    """

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def rate_limit(self) -> float | None:
        """Different pictures that it holds per second; None: as many as are asked for."""

    def rewind(self) -> None:
        """Open it, or go back to its beginning.

        Raises:
            SourceError: if it cannot be read.
        """

    def picture_at(self, seconds: float) -> Image | None:
        """Return the picture at a media time; None behind the end.

        Raises:
            SourceError: if it cannot be read any more.
        """

    @property
    def duration_seconds(self) -> float:
        """Length, known once `picture_at` has returned None."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True)
class Shot:
    """A picture and its capture time, UTC, ns since 1970."""

    image: Image
    time: int


class LiveSource(Protocol):
    """Pictures that come by in their own time: a webcam, a network stream."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def start(self) -> None:
        """Begin to receive, and to reconnect when it breaks."""

    def newest(self, wait_seconds: float) -> Shot | None:
        """Take the newest picture not yet taken; None if none came in time."""

    def problem(self) -> Problem:
        """Say what keeps pictures from coming, if anything."""

    def stuck(self) -> Problem:
        """Say what only a new start can mend, if anything."""

    def stop(self) -> None:
        """End receiving."""


def mask_credentials(url: str) -> str:
    """Hide user and password of a URL: `rtsp://***@host/path`."""
    return _CREDENTIALS.sub("***@", url)
