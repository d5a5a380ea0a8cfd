"""Sources that lie on disk: a video file, a folder of pictures."""

import math
from pathlib import Path

import cv2
import numpy as np
import structlog

from moodcue_camera.sources import Image, SourceError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_USUAL_RATE, _FASTEST_RATE = 25.0, 1000.0
_ROUNDING_SECONDS = 1e-6
_log = structlog.get_logger(__name__)


class VideoFile:
    """A video file.

    Args:
        path: anything that OpenCV's FFmpeg reads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture()
        self._interval = 1 / _USUAL_RATE
        self._grabbed_at = -math.inf
        self._image: Image | None = None
        self._over = False

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    @property
    def rate_limit(self) -> float | None:
        """Pictures per second of the file."""
        return 1 / self._interval

    @property
    def duration_seconds(self) -> float:
        """Time of the last picture that was reached, and that picture's own length."""
        return max(0.0, self._grabbed_at) + self._interval

    def rewind(self) -> None:
        """Open the file at its first picture.

        Raises:
            SourceError: if it is not there or no video.
        """
        self.close()
        if not self._path.is_file():
            raise SourceError(f"{self._path}: no such file; check the path")
        self._capture = cv2.VideoCapture(str(self._path))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        # Some containers carry no rate, or their time base in its place.
        self._interval = 1 / (rate if 0 < rate <= _FASTEST_RATE else _USUAL_RATE)
        self._grabbed_at, self._image, self._over = -math.inf, None, False
        if not self._grab():
            raise SourceError(
                f"{self._path}: not a video that can be read; give an mp4, avi, mkv or webm file, "
                "or a folder of pictures"
            )

    def _grab(self) -> bool:
        if not self._capture.grab():
            self._over = True
            return False
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if stamp > self._grabbed_at:
            self._grabbed_at = stamp
        else:
            # A file without time stamps reports 0 throughout: then the nominal rate counts.
            self._grabbed_at += self._interval
        return True

    def picture_at(self, seconds: float) -> Image | None:
        """Return the picture nearest to a media time; None behind the last one."""
        half = self._interval / 2
        while not self._over and self._grabbed_at < seconds - half:
            if self._grab():
                self._image = None
        behind = seconds >= self.duration_seconds - half / 100
        if self._over and (behind or self._image is None):
            return None
        if self._image is None:
            self._image = self._decoded()
        return self._image

    def _decoded(self) -> Image | None:
        # A damaged picture is passed over for the next one that can be read.
        while not self._over:
            readable, image = self._capture.retrieve()
            if readable:
                return np.asarray(image, np.uint8)
            self._grab()
        return None

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class PictureFolder:
    """Pictures on disk, by name, each shown for the same time; unreadable ones are passed over.

    Args:
        path: a folder, or one picture.
        picture_seconds: how long each is shown.
    """

    def __init__(self, path: Path, *, picture_seconds: float) -> None:
        self._path = path
        self._seconds = picture_seconds
        self._waiting: list[Path] = []
        self._shown = 0
        self._image: Image | None = None
        self._reported: set[Path] = set()

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    @property
    def rate_limit(self) -> float | None:
        """None: a picture is shown as often as frames are sent."""
        return None

    @property
    def duration_seconds(self) -> float:
        """Time of all pictures that could be read."""
        return self._shown * self._seconds

    def rewind(self) -> None:
        """List the folder anew and read its first picture.

        Raises:
            SourceError: if it is not there or holds no readable picture.
        """
        self._waiting = list_pictures(self._path)
        self._shown, self._image = 0, None
        if not self._advance():
            raise SourceError(
                f"{self._path}: none of its pictures can be read; put readable JPEG or PNG files in"
            )

    def _advance(self) -> bool:
        while self._waiting:
            path = self._waiting.pop(0)
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is not None:
                self._image = np.asarray(image, np.uint8)
                self._shown += 1
                return True
            if path not in self._reported:
                self._reported.add(path)
                _log.warning("camera.picture_skipped", path=str(path), reason="cannot be read")
        return False

    def picture_at(self, seconds: float) -> Image | None:
        """Return the picture of a media time; None behind the last one."""
        while seconds >= self.duration_seconds - _ROUNDING_SECONDS:
            if not self._advance():
                return None
        return self._image

    def close(self) -> None:
        """Nothing is held open."""


def list_pictures(path: Path) -> list[Path]:
    """Name the pictures of a folder in order, or the one picture that the path is.

    Raises:
        SourceError: if there is none, or the folder cannot be listed.
    """
    if path.is_file():
        return [path]
    try:
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    except OSError as error:
        raise SourceError(f"{path}: cannot be listed: {error.strerror}; check the path") from error
    if not found:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise SourceError(f"{path}: holds no pictures; put files in that end in {known}")
    return found
