"""What an event says of each face, and which faces are not read."""

import numpy as np
import numpy.typing as npt
import pytest
from fer_pictures import Pixels, grey_astronaut

from moodcue.events import FaceProblem
from moodcue_fer.analysis import FaceAnalyser, QualityLimits
from moodcue_fer.appearance import describe
from moodcue_fer.detectors import HaarDetector
from moodcue_fer.model import FerModel, Readings
from moodcue_fer.search import FaceSearch, Moment, Search


class ModelOfTurnedFaces:
    """Says of every face how frontal it is, and counts its calls."""

    def __init__(self, *frontality: float) -> None:
        self.frontality = frontality
        self.batches: list[int] = []

    def read(self, crops: npt.NDArray[np.uint8]) -> Readings:
        """Return even probabilities and the frontality that was asked for."""
        self.batches.append(len(crops))
        return Readings(
            probabilities=np.full((len(crops), 7), 1 / 7, dtype=np.float32),
            frontality=np.array(self.frontality[: len(crops)], dtype=np.float32),
        )


def analyser(
    model: ModelOfTurnedFaces | FerModel, limits: QualityLimits | None = None
) -> FaceAnalyser:
    return FaceAnalyser(search=FaceSearch(HaarDetector()), model=model, limits=limits)


def two_portraits() -> Pixels:
    frame = np.full((300, 600), 110, dtype=np.uint8)
    portrait = grey_astronaut()[10:220, 115:325]
    frame[40:250, 20:230] = portrait
    frame[40:250, 340:550] = np.fliplr(portrait)
    return frame


def test_a_face_tells_its_size_and_looks_and_how_frontal_it_is() -> None:
    (face,) = analyser(ModelOfTurnedFaces(0.75)).analyse(grey_astronaut()).faces
    assert face.size == face.box[2] > 80
    assert face.frontality == pytest.approx(0.75)
    assert face.appearance == describe(grey_astronaut(), face.box)
    assert face.problem is None
    assert face.probabilities is not None


def test_a_face_that_is_turned_away_is_reported_without_probabilities() -> None:
    model = ModelOfTurnedFaces(0.2, 0.8)
    turned, frontal = (
        analyser(model, QualityLimits(minimum_frontality=0.3)).analyse(two_portraits()).faces
    )
    assert (turned.problem, turned.probabilities) == (FaceProblem.TURNED_AWAY, None)
    assert turned.frontality == pytest.approx(0.2)
    assert turned.appearance != ()
    assert frontal.problem is None
    assert sum(frontal.probabilities or ()) == pytest.approx(1, abs=1e-5)


def test_all_faces_of_a_frame_are_read_in_one_call_and_bad_ones_not_at_all() -> None:
    model = ModelOfTurnedFaces(1.0, 1.0)
    analyser(model).analyse(two_portraits())
    analyser(model, QualityLimits(minimum_brightness=0.99)).analyse(two_portraits())
    assert model.batches == [2, 0]


def test_a_bad_face_keeps_the_problem_that_was_seen_before_the_network() -> None:
    model = ModelOfTurnedFaces(0.0)
    strict = analyser(model, QualityLimits(minimum_sharpness=1e9, minimum_frontality=0.5))
    (face,) = strict.analyse(grey_astronaut()).faces
    assert (face.problem, face.frontality) == (FaceProblem.TOO_BLURRED, 1.0)


def test_only_so_many_faces_are_read_the_largest_ones() -> None:
    model = ModelOfTurnedFaces(1.0, 1.0)
    one = FaceAnalyser(search=FaceSearch(HaarDetector()), model=model, most_faces=1)
    assert len(one.analyse(two_portraits()).faces) == 1


def test_the_second_frame_of_a_camera_is_searched_near_the_face_and_read_alike() -> None:
    real = analyser(FerModel())
    first, second = (
        real.analyse(grey_astronaut(), Moment(camera="kitchen", time=time))
        for time in (0, 200_000_000)
    )
    assert (first.search, second.search) == (Search.FIRST, Search.LOCAL)
    one, other = (seen.faces[0].probabilities or () for seen in (first, second))
    assert one.index(max(one)) == other.index(max(other))
