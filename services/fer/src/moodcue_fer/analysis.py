"""One grey frame to the faces of an event: detect, crop, judge the quality, infer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moodcue.events import Face, FaceProblem
from moodcue_fer.appearance import describe
from moodcue_fer.faces import Detection, GreyPicture, brightness, crop_face, sharpness
from moodcue_fer.model import Readings
from moodcue_fer.personal import weighted
from moodcue_fer.preprocessing import CROP_SIZE
from moodcue_fer.search import FaceSearch, Found, Moment, Search


class FaceReader(Protocol):
    """Reads emotions and frontality from crops; `FerModel` does."""

    def read(self, crops: npt.NDArray[np.uint8]) -> Readings:
        """Read crops, uint8, shape (faces, 48, 48), in their order."""
        ...


class FittedReader:
    """A reader whose probabilities are fitted to a room or a person.

    Args:
        reader: Reads the crops.
        weights: What the probabilities are multiplied by, shape (7,): see `personal`.
    """

    def __init__(self, reader: FaceReader, weights: npt.NDArray[np.float64]) -> None:
        self._reader = reader
        self._weights = weights

    def read(self, crops: npt.NDArray[np.uint8]) -> Readings:
        """Read crops, uint8, shape (faces, 48, 48), in their order."""
        readings = self._reader.read(crops)
        return replace(readings, probabilities=weighted(readings.probabilities, self._weights))


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """What a face needs to be read; the zeros of the default accept every face.

    Attributes:
        minimum_pixels: Side of the box in pixels of the full frame.
        minimum_brightness: Mean grey level of the crop, 0..1.
        minimum_sharpness: Variance of the Laplacian of the 48x48 crop.
        minimum_frontality: 1 looks at the camera, 0 is a profile.
    """

    minimum_pixels: int = 0
    minimum_brightness: float = 0.0
    minimum_sharpness: float = 0.0
    minimum_frontality: float = 0.0

    def problem(self, box_side: int, *, bright: float, sharp: float) -> FaceProblem | None:
        """Return why a face is not read, None if it is good enough to be looked at."""
        if box_side < self.minimum_pixels:
            return FaceProblem.TOO_SMALL
        if bright < self.minimum_brightness:
            return FaceProblem.TOO_DARK
        if sharp < self.minimum_sharpness:
            return FaceProblem.TOO_BLURRED
        return None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What can be said of a face without the network.

    Attributes:
        brightness: Mean grey level of the crop, 0..1.
        sharpness: Variance of the Laplacian of the crop.
        appearance: As `appearance.describe` gives it.
        problem: Why the network does not read it.
    """

    brightness: float
    sharpness: float
    appearance: tuple[float, ...]
    problem: FaceProblem | None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The faces of a frame, largest first, and how they were searched for."""

    faces: tuple[Face, ...]
    search: Search


class FaceAnalyser:
    """Everything between a grey frame and its faces.

    Args:
        search: Finds the faces.
        model: Reads the emotions.
        limits: What a face needs to be read.
        most_faces: Only so many faces of a frame are read, the largest ones.
    """

    def __init__(
        self,
        *,
        search: FaceSearch,
        model: FaceReader,
        limits: QualityLimits | None = None,
        most_faces: int = 16,
    ) -> None:
        self._search = search
        self._model = model
        self._limits = limits or QualityLimits()
        self._most_faces = most_faces

    def analyse(
        self,
        grey: GreyPicture,
        moment: Moment | None = None,
        *,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> Analysis:
        """Read the faces of a grey frame.

        Args:
            grey: uint8, shape (height, width).
            moment: Where and when it was taken; without it the frame has no predecessors.
            on_stage: Told the name of each stage that has ended: detect, look, infer.
        """
        found = self.detect(grey, moment)
        on_stage("detect")
        crops = self.crop(grey, found.detections)
        looks = self.judge(grey, found.detections, crops=crops)
        on_stage("look")
        faces = self.infer(found.detections, crops=crops, looks=looks)
        on_stage("infer")
        return Analysis(faces=faces, search=found.search)

    def detect(self, grey: GreyPicture, moment: Moment | None = None) -> Found:
        """Find the largest faces of a grey frame."""
        found = self._search.find(grey, moment)
        return Found(detections=found.detections[: self._most_faces], search=found.search)

    @staticmethod
    def crop(grey: GreyPicture, detections: Sequence[Detection]) -> npt.NDArray[np.uint8]:
        """Cut faces out of a grey frame: uint8, shape (faces, 48, 48)."""
        crops = [crop_face(grey, detection.box) for detection in detections]
        return np.stack(crops) if crops else np.zeros((0, CROP_SIZE, CROP_SIZE), dtype=np.uint8)

    def judge(
        self,
        grey: GreyPicture,
        detections: Sequence[Detection],
        *,
        crops: npt.NDArray[np.uint8],
    ) -> list[Look]:
        """Say which faces are good enough to be looked at, and what their people look like."""
        looks = []
        for detection, crop in zip(detections, crops, strict=True):
            bright, sharp = brightness(crop), sharpness(crop)
            look = Look(
                brightness=bright,
                sharpness=sharp,
                appearance=describe(grey, detection.box),
                problem=self._limits.problem(detection.box[2], bright=bright, sharp=sharp),
            )
            looks.append(look)
        return looks

    def infer(
        self,
        detections: Sequence[Detection],
        *,
        crops: npt.NDArray[np.uint8],
        looks: Sequence[Look],
    ) -> tuple[Face, ...]:
        """Read the emotions of faces that are good enough and describe all of them.

        Args:
            detections: Where the faces are.
            crops: Their crops in the same order, uint8, shape (faces, 48, 48).
            looks: What is known of them, in the same order.
        """
        readable = np.array([look.problem is None for look in looks], dtype=np.bool_)
        readings = self._model.read(crops[readable])
        rows = iter(
            zip(
                readings.probabilities.astype(np.float64).tolist(),
                readings.frontality.astype(np.float64).tolist(),
                strict=True,
            )
        )
        return tuple(
            self._face(detection, look, next(rows) if look.problem is None else None)
            for detection, look in zip(detections, looks, strict=True)
        )

    def _face(
        self, detection: Detection, look: Look, reading: tuple[list[float], float] | None
    ) -> Face:
        probabilities, frontality = reading or (None, 1.0)
        problem = look.problem
        if frontality < self._limits.minimum_frontality:
            problem = FaceProblem.TURNED_AWAY
        return Face(
            box=detection.box,
            score=detection.score,
            probabilities=None if probabilities is None or problem else tuple(probabilities),
            size=detection.box[2],
            sharpness=look.sharpness,
            brightness=look.brightness,
            frontality=min(max(frontality, 0.0), 1.0),
            appearance=look.appearance,
            problem=problem,
        )
