"""Faces in a grey frame: where they are, their crops, and how good the crops are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.events import Box
from moodcue_fer.preprocessing import CROP_SIZE

GreyPicture = npt.NDArray[np.uint8]

SAME_FACE: Final = 0.3
"""Intersection over union from which on two boxes are taken for one face."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One face that was found.

    Attributes:
        box: Square around the face in FER2013's framing, in pixels of the full frame; it may
            reach over the frame's border.
        score: Confidence of the detector, 0..1.
    """

    box: Box
    score: float


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0..1."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def merge(detections: Iterable[Detection]) -> list[Detection]:
    """Leave one box for each face, that of the highest score; largest first."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda each: -each.score):
        if all(overlap(detection.box, other.box) < SAME_FACE for other in kept):
            kept.append(detection)
    return sorted(kept, key=lambda each: -each.box[2])


def reduce(grey: GreyPicture, *, longer_side: int) -> tuple[GreyPicture, float]:
    """Reduce a picture so that its longer side has at most `longer_side` pixels.

    Returns:
        The picture, and the ratio of the old size to the new one, at least 1.
    """
    ratio = max(grey.shape) / longer_side
    if ratio <= 1:
        return grey, 1.0
    size = (max(1, round(grey.shape[1] / ratio)), max(1, round(grey.shape[0] / ratio)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), ratio


def crop_face(grey: GreyPicture, box: Box) -> GreyPicture:
    """Cut a face out, the one way for training, evaluation and serving.

    The box becomes a square around the same centre with its longer side, so that nothing is
    distorted; where it reaches over the border, the border's pixels are repeated, and it is
    scaled to 48x48. A picture of 48x48 with the box of the whole comes back as it is.

    Args:
        grey: Grey picture, uint8, shape (height, width).
        box: Left, top, width, height in pixels.

    Returns:
        uint8, shape (48, 48).

    Raises:
        ValueError: The box has no area or does not touch the picture.
    """
    left, top, width, height = box
    side = max(width, height)
    left, top = left + (width - side) // 2, top + (height - side) // 2
    rows, columns = grey.shape
    if min(width, height) < 1 or not (-side < left < columns and -side < top < rows):
        raise ValueError(f"box {box} does not lie in a picture of {columns}x{rows} pixels")
    inside = grey[max(top, 0) : top + side, max(left, 0) : left + side]
    square = cv2.copyMakeBorder(
        inside,
        max(-top, 0),
        max(top + side - rows, 0),
        max(-left, 0),
        max(left + side - columns, 0),
        cv2.BORDER_REPLICATE,
    )
    method = cv2.INTER_AREA if side > CROP_SIZE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (CROP_SIZE, CROP_SIZE), interpolation=method), np.uint8)


def crop_whole(grey: GreyPicture) -> GreyPicture:
    """Crop a picture that is a face already: `crop_face` with the box of the whole picture."""
    height, width = grey.shape
    return crop_face(grey, (0, 0, width, height))


def sharpness(crop: GreyPicture) -> float:
    """Return the variance of the Laplacian of a crop: 0 for a flat one, more when sharper."""
    return float(cv2.Laplacian(crop, cv2.CV_64F).var())


def brightness(crop: GreyPicture) -> float:
    """Return the mean grey level of a crop, 0..1."""
    return float(crop.mean()) / 255.0


def square(*, centre_x: float, centre_y: float, side: float) -> Box:
    """Return the box of whole pixels around a centre, with sides of at least one pixel."""
    whole = max(1, round(side))
    return round(centre_x - side / 2), round(centre_y - side / 2), whole, whole
