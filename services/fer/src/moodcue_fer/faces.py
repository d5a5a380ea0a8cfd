"""Faces in a grey frame: where they are, their crops, and how good the crops are."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import cv2
import cv2.data
import numpy as np
import numpy.typing as npt

from moodcue.errors import ModelError
from moodcue_fer.preprocessing import CROP_SIZE

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels of the full frame."""

GreyPicture = npt.NDArray[np.uint8]

HAAR_FILE: Final = "haarcascade_frontalface_default.xml"
SMALLEST_FACE: Final = 24
"""Side in pixels of the smallest face that is sought, which is the window of the cascade."""

HAAR_WEIGHT_SCALE: Final = 4.0
"""Stage weight at which a Haar face gets the score 1 - 1/e.

Weights of true faces lie between 2.5 and 12, which gives scores of 0.47 to 0.95.
"""

YUNET_SIDE: Final = 0.96
"""Side of FER2013's square in heights of a YuNet box: median over 559 of FER2013's pictures.

The centres agree within 0.3 % of that height.
"""


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


class FaceDetector(Protocol):
    """Finds faces in a frame."""

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, uint8, shape (height, width), largest first."""
        ...


class HaarDetector:
    """The frontal face cascade that ships with OpenCV, on the frame at reduced size.

    Its boxes are FER2013's framing as they are: over FER2013's own pictures the median box has
    0.99 of a picture's side and its centre within 0.4 %.

    Args:
        search_pixels: The frame is reduced until its longer side has this many pixels, so that
            the smallest face that can be found is 24 / search_pixels of that side.
        scale_step: Ratio of the sizes at which faces are sought.
        neighbours: Overlapping hits that make a face.
    """

    def __init__(
        self, *, search_pixels: int = 320, scale_step: float = 1.1, neighbours: int = 5
    ) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / HAAR_FILE))
        self._search_pixels = search_pixels
        self._scale_step = scale_step
        self._neighbours = neighbours

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, largest first."""
        small, ratio = reduce(grey, longer_side=self._search_pixels)
        if min(small.shape) < SMALLEST_FACE:
            return []
        boxes, _, weights = self._cascade.detectMultiScale3(
            small,
            scaleFactor=self._scale_step,
            minNeighbors=self._neighbours,
            minSize=(SMALLEST_FACE, SMALLEST_FACE),
            outputRejectLevels=True,
        )
        # OpenCV gives tuples, or weights of another shape, where it finds nothing.
        found = zip(np.reshape(boxes, (-1, 4)), np.ravel(weights), strict=True)
        detections = [
            Detection(
                box=_square(
                    centre_x=(x + side / 2) * ratio,
                    centre_y=(y + side / 2) * ratio,
                    side=side * ratio,
                ),
                score=1 - math.exp(-max(float(weight), 0.0) / HAAR_WEIGHT_SCALE),
            )
            for (x, y, side, _), weight in found
        ]
        return _largest_first(detections)


class YuNetDetector:
    """OpenCV's YuNet network (Wu et al., 2023), its boxes turned into FER2013's framing.

    Args:
        model: The ONNX file of YuNet.
        search_pixels: As for `HaarDetector`.
        minimum_score: Faces below this score, 0..1, are left out.

    Raises:
        ModelError: The file is missing or not readable.
    """

    def __init__(
        self, model: Path, *, search_pixels: int = 320, minimum_score: float = 0.6
    ) -> None:
        if not model.is_file():
            raise ModelError(f"no YuNet model at {model}; set MOODCUE_FER_YUNET_MODEL to its file")
        try:
            self._network = cv2.FaceDetectorYN.create(str(model), "", (32, 32), minimum_score)
        except cv2.error as error:
            raise ModelError(f"{model} is not a YuNet model: {error.err}") from error
        self._search_pixels = search_pixels

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, largest first."""
        small, ratio = reduce(grey, longer_side=self._search_pixels)
        height, width = small.shape
        if min(height, width) < SMALLEST_FACE:
            return []
        self._network.setInputSize((width, height))
        _, rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
        detections = [
            Detection(
                box=_square(
                    centre_x=float(row[0] + row[2] / 2) * ratio,
                    centre_y=float(row[1] + row[3] / 2) * ratio,
                    side=float(row[3]) * YUNET_SIDE * ratio,
                ),
                score=min(max(float(row[14]), 0.0), 1.0),
            )
            for row in (() if rows is None else rows)
        ]
        return _largest_first(detections)


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


def _square(*, centre_x: float, centre_y: float, side: float) -> Box:
    whole = max(1, round(side))
    return round(centre_x - side / 2), round(centre_y - side / 2), whole, whole


def _largest_first(detections: list[Detection]) -> list[Detection]:
    return sorted(detections, key=lambda detection: -detection.box[2])
