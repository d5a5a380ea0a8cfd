"""Encoded pictures to grey pixels, and pictures that only look whole refused."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import MoodcueError

JPEG_START: Final = b"\xff\xd8"
JPEG_SCAN: Final = b"\xff\xda"
JPEG_END: Final = b"\xff\xd9"

PIXEL_LIMIT: Final = "CV_IO_MAX_IMAGE_PIXELS"
"""What OpenCV's error names when a picture claims to be too large."""


class PictureError(MoodcueError):
    """A picture is not readable."""


def decode_grey(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a picture of any usual format and colour space to grey.

    Args:
        data: The encoded picture.

    Returns:
        Grey pixels, uint8, shape (height, width); turned as its EXIF orientation says.

    Raises:
        PictureError: The data is empty, cut off, no picture, or of more than 16.8 million pixels
            (set in the package's `__init__`, before OpenCV is loaded).
    """
    if not data:
        raise PictureError("the picture is empty (0 bytes)")
    # OpenCV fills what is missing of a JPEG with grey and says nothing. The last scan ends with
    # an end marker, which cannot occur inside it; an end marker before it is a thumbnail's.
    if data.startswith(JPEG_START) and data.rfind(JPEG_END) < data.rfind(JPEG_SCAN):
        raise PictureError(f"the JPEG is cut off after {len(data)} bytes")
    try:
        picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:
        if PIXEL_LIMIT in error.err:
            raise PictureError(
                "the picture has more pixels than the 16.8 million that are read: make it smaller, "
                f"or set OPENCV_IO_MAX_IMAGE_PIXELS to allow more ({len(data)} bytes)"
            ) from error
        raise PictureError(f"the picture cannot be decoded: {error.err}") from error
    if picture is None:
        raise PictureError(f"not a picture in a format that OpenCV reads ({len(data)} bytes)")
    return np.asarray(picture, dtype=np.uint8)


def read_grey(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture file as grey pixels, uint8, shape (height, width).

    Raises:
        PictureError: As `decode_grey`, or the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"the file cannot be read: {error.strerror}") from error
    return decode_grey(data)
