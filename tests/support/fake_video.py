"""A video file that Chromium plays as if it were a camera."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from moodcue_camera.moods import parse_moods
from moodcue_camera.synthetic import SyntheticPeople

FRAMES_PER_SECOND = 30
"""Chromium plays a file of JPEGs at this rate, again and again."""

SYNTHETIC_SECONDS, SYNTHETIC_RATE = 6, 10

Picture = NDArray[np.uint8]


def write_fake_video(path: Path, *, clip: Path | None = None) -> None:
    """Write a file for `--use-file-for-fake-video-capture`.

    Args:
        path: of the file, which ends with `.mjpeg`.
        clip: a video of a face; None for a synthetic one that is happy.
    """
    pictures = _synthetic() if clip is None else _from_clip(clip)
    with path.open("wb") as file:
        for picture in pictures:
            file.write(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


def _synthetic() -> Iterator[Picture]:
    camera = SyntheticPeople(parse_moods("happiness 6"), seed=0)
    for number in range(SYNTHETIC_SECONDS * SYNTHETIC_RATE):
        picture = camera.picture_at(number / SYNTHETIC_RATE)
        assert picture is not None
        yield from (picture,) * (FRAMES_PER_SECOND // SYNTHETIC_RATE)


def _from_clip(clip: Path) -> Iterator[Picture]:
    video: Any = cv2.VideoCapture(str(clip))
    rate = video.get(cv2.CAP_PROP_FPS)
    written = 0.0
    while True:
        found, picture = video.read()
        if not found:
            return
        written += FRAMES_PER_SECOND / rate
        while written >= 1:
            yield picture
            written -= 1


def fake_video_flags(path: Path) -> list[str]:
    """Return the flags that make a Chromium of this file's camera, without asking anybody."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    ]
