"""Videos and folders of pictures as frames, for the commands that need no camera."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.identity import NS_PER_SECOND

Picture = npt.NDArray[np.uint8]

JPEG_QUALITY: Final = 85
PICTURES_PER_SECOND: Final = 5.0
"""Rate at which the pictures of a folder are taken to have been made, that of our cameras."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the frames come from.

    Attributes:
        path: A video, or a folder of pictures in the order of their names.
        size: Width and height that frames are brought to, undistorted, with black borders; None
            leaves them as they are.
        faces: So many copies of each picture stand side by side in a frame.
        rate: Frames per second that are taken of a video; None takes all.
    """

    path: Path
    size: tuple[int, int] | None = None
    faces: int = 1
    rate: float | None = None

    def frames(self) -> Iterator[tuple[bytes, int]]:
        """Yield frames as JPEG, and their capture times in ns from 0 on."""
        pictures = self._folder() if self.path.is_dir() else self._video()
        for picture, seconds in pictures:
            frame = compose(picture, size=self.size, copies=self.faces)
            _, jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            yield jpeg.tobytes(), round(seconds * NS_PER_SECOND)

    def _folder(self) -> Iterator[tuple[Picture, float]]:
        number = 0
        for file in sorted(self.path.iterdir()):
            picture = cv2.imread(str(file)) if file.is_file() else None
            if picture is not None:
                yield np.asarray(picture, dtype=np.uint8), number / PICTURES_PER_SECOND
                number += 1

    def _video(self) -> Iterator[tuple[Picture, float]]:
        video = cv2.VideoCapture(str(self.path))
        try:
            rate = video.get(cv2.CAP_PROP_FPS) or PICTURES_PER_SECOND
            wanted = min(self.rate or rate, rate)
            number = taken = 0
            while video.grab():
                seconds = number / rate
                # The frame nearest to the time at which the next one is wanted.
                if seconds > taken / wanted - 0.5 / rate:
                    taken += 1
                    there, picture = video.retrieve()
                    if there:
                        yield np.asarray(picture, dtype=np.uint8), seconds
                number += 1
        finally:
            video.release()


def compose(picture: Picture, *, size: tuple[int, int] | None, copies: int) -> Picture:
    """Put copies of a picture side by side into a frame, each scaled without distortion.

    Args:
        picture: BGR, uint8, shape (height, width, 3).
        size: Width and height of the frame; None: those of the picture.
        copies: How many.
    """
    height, width = picture.shape[:2]
    if size is None and copies == 1:
        return picture
    columns, rows = size or (width, height)
    cell = columns // copies
    scale = min(cell / width, rows / height)
    small = cv2.resize(
        picture,
        (max(1, round(width * scale)), max(1, round(height * scale))),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    frame = np.zeros((rows, columns, 3), dtype=np.uint8)
    top, left = (rows - small.shape[0]) // 2, (cell - small.shape[1]) // 2
    for copy in range(copies):
        start = copy * cell + left
        frame[top : top + small.shape[0], start : start + small.shape[1]] = small
    return frame
