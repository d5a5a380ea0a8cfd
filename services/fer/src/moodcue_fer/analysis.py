"""One grey frame to the faces of an event: detect, crop, judge the quality, infer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodcue.events import Face, FaceProblem
from moodcue_fer.faces import (
    Detection,
    FaceDetector,
    GreyPicture,
    brightness,
    crop_face,
    sharpness,
)
from moodcue_fer.model import FerModel
from moodcue_fer.preprocessing import CROP_SIZE


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """What a face needs to be read; the zeros of the default accept every face.

    Attributes:
        minimum_pixels: Side of the box in pixels of the full frame.
        minimum_brightness: Mean grey level of the crop, 0..1.
        minimum_sharpness: Variance of the Laplacian of the 48x48 crop.
    """

    minimum_pixels: int = 0
    minimum_brightness: float = 0.0
    minimum_sharpness: float = 0.0

    def problem(self, box_side: int, *, bright: float, sharp: float) -> FaceProblem | None:
        """Return why a face is not read, None if it is good enough."""
        if box_side < self.minimum_pixels:
            return FaceProblem.TOO_SMALL
        if bright < self.minimum_brightness:
            return FaceProblem.TOO_DARK
        if sharp < self.minimum_sharpness:
            return FaceProblem.TOO_BLURRED
        return None


class FaceAnalyser:
    """Everything between a grey frame and its faces. It remembers nothing between frames.

    Args:
        detector: Finds the faces.
        model: Reads the emotions.
        limits: What a face needs to be read.
        most_faces: Only so many faces of a frame are read, the largest ones.
    """

    def __init__(
        self,
        *,
        detector: FaceDetector,
        model: FerModel,
        limits: QualityLimits | None = None,
        most_faces: int = 16,
    ) -> None:
        self._detector = detector
        self._model = model
        self._limits = limits or QualityLimits()
        self._most_faces = most_faces

    def analyse(self, grey: GreyPicture) -> tuple[Face, ...]:
        """Return the faces of a grey frame, uint8, shape (height, width), largest first."""
        detections = self.detect(grey)
        return self.infer(detections, crops=self.crop(grey, detections))

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Find the largest faces of a grey frame."""
        return self._detector.detect(grey)[: self._most_faces]

    @staticmethod
    def crop(grey: GreyPicture, detections: Sequence[Detection]) -> npt.NDArray[np.uint8]:
        """Cut faces out of a grey frame: uint8, shape (faces, 48, 48)."""
        crops = [crop_face(grey, detection.box) for detection in detections]
        return np.stack(crops) if crops else np.zeros((0, CROP_SIZE, CROP_SIZE), dtype=np.uint8)

    def infer(
        self, detections: Sequence[Detection], *, crops: npt.NDArray[np.uint8]
    ) -> tuple[Face, ...]:
        """Read the emotions of faces that are good enough and describe all of them.

        Args:
            detections: Where the faces are.
            crops: Their crops in the same order, uint8, shape (faces, 48, 48).
        """
        quality = [(brightness(crop), sharpness(crop)) for crop in crops]
        problems = [
            self._limits.problem(detection.box[2], bright=bright, sharp=sharp)
            for detection, (bright, sharp) in zip(detections, quality, strict=True)
        ]
        readable = np.array([problem is None for problem in problems], dtype=np.bool_)
        rows = iter(self._model.read(crops[readable]).probabilities.astype(np.float64).tolist())
        return tuple(
            Face(
                box=detection.box,
                score=detection.score,
                probabilities=tuple(next(rows)) if problem is None else None,
                sharpness=sharp,
                brightness=bright,
                problem=problem,
            )
            for detection, (bright, sharp), problem in zip(
                detections, quality, problems, strict=True
            )
        )
