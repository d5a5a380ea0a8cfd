"""Pictures to JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np

from moodcue_camera.sources import Image


@dataclass(frozen=True)
class Jpeg:
    """An encoded picture and its size in pixels."""

    data: bytes
    width: int
    height: int


def fit(image: Image, *, max_size: int) -> Image:
    """Shrink a picture so that its longer side has at most `max_size` pixels; never enlarge it."""
    height, width = image.shape[:2]
    scale = max_size / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Area averaging: other kernels alias when shrinking.
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(image: Image, *, quality: int) -> Jpeg:
    """Encode a picture.

    Args:
        image: BGR.
        quality: 1 (small) to 100 (good).
    """
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    height, width = image.shape[:2]
    return Jpeg(data.tobytes(), width, height)
