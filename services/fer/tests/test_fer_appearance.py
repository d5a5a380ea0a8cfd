import csv
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from fer_pictures import grey_astronaut
from hypothesis import given
from hypothesis import strategies as st

from moodcue.events import Box
from moodcue_fer.appearance import LENGTH, describe
from moodcue_fer.detectors import HaarDetector
from moodcue_fer.faces import GreyPicture

ASTRONAUT_BOX = (174, 64, 98, 98)


def difference(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Root of the mean squared difference of what both have seen."""
    seen = [(a - b) ** 2 for a, b in zip(one, other, strict=True) if a != 0 and b != 0]
    return float(np.sqrt(np.mean(seen)))


def astronaut_beside(box: Box = ASTRONAUT_BOX, *, gain: float = 1.0, offset: float = 0.0) -> float:
    """How much the description of the portrait differs from that of the plain one."""
    lit = np.clip(grey_astronaut().astype(np.float64) * gain + offset, 0, 255).astype(np.uint8)
    return difference(describe(grey_astronaut(), ASTRONAUT_BOX), describe(lit, box))


def clip_pictures(clip: Path, *, every: int) -> list[GreyPicture]:
    video = cv2.VideoCapture(str(clip))
    pictures: list[GreyPicture] = []
    number = 0
    while True:
        there, picture = video.read()
        if not there:
            video.release()
            return pictures
        if number % every == 0:
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            pictures.append(np.asarray(grey, dtype=np.uint8))
        number += 1


def test_the_description_is_23_figures_of_bounded_size_without_zeros() -> None:
    figures = describe(grey_astronaut(), ASTRONAUT_BOX)
    assert len(figures) == LENGTH == 23
    assert all(isinstance(figure, float) and 0 < abs(figure) <= 9 for figure in figures)


@pytest.mark.parametrize(("gain", "offset"), [(0.4, 0), (0.7, 0), (1.2, 0), (1, 12.0), (1, -5.0)])
def test_light_changes_little(gain: float, offset: float) -> None:
    assert astronaut_beside(gain=gain, offset=offset) < 1


@pytest.mark.parametrize(
    "box",
    [(178, 64, 98, 98), (174, 60, 98, 98), (170, 60, 106, 106), (178, 68, 90, 90)],
)
def test_a_box_that_is_a_little_off_changes_little(box: Box) -> None:
    assert astronaut_beside(box) < 1


@pytest.mark.parametrize("scale", [0.35, 0.6, 2.0])
def test_the_distance_from_the_camera_changes_little(scale: float) -> None:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    frame = cv2.resize(grey_astronaut(), None, fx=scale, fy=scale, interpolation=method)
    left, top, side, _ = (round(value * scale) for value in ASTRONAUT_BOX)
    found = describe(np.asarray(frame, dtype=np.uint8), (left, top, side, side))
    assert difference(describe(grey_astronaut(), ASTRONAUT_BOX), found) < 1


def test_other_clothes_change_much() -> None:
    frame = grey_astronaut()
    plain = describe(frame, ASTRONAUT_BOX)
    frame[175:] = 30
    assert difference(plain, describe(frame, ASTRONAUT_BOX)) > 2


def test_what_lies_outside_the_frame_is_left_out() -> None:
    whole = describe(grey_astronaut(), ASTRONAUT_BOX)
    cut = describe(grey_astronaut()[:162], ASTRONAUT_BOX)
    assert [name for name, figure in zip(range(LENGTH), cut, strict=True) if figure == 0] == [
        *range(9, 15),
        *range(18, 23),
    ]
    assert difference(whole, cut) < 0.3


@pytest.mark.parametrize("box", [(-120, 0, 98, 98), (0, 600, 98, 98), (5000, 5000, 10, 10)])
def test_a_face_beside_the_frame_has_no_description(box: Box) -> None:
    assert describe(grey_astronaut(), box) == ()


@given(
    st.tuples(
        st.integers(-300, 900), st.integers(-300, 900), st.integers(1, 900), st.integers(1, 900)
    ),
    st.sampled_from([0, 255, None]),
)
def test_any_box_on_any_frame_gives_finite_figures_or_none(box: Box, level: int | None) -> None:
    frame = grey_astronaut() if level is None else np.full((40, 70), level, dtype=np.uint8)
    figures = describe(frame, box)
    assert len(figures) in {0, LENGTH}
    assert all(abs(figure) <= 9 for figure in figures)


def test_the_woman_of_the_clip_stays_herself_and_is_not_the_astronaut(shared_data: Path) -> None:
    pictures = clip_pictures(shared_data / "clips" / "sad_to_happy.mp4", every=12)
    found = [(picture, HaarDetector().detect(picture)) for picture in pictures]
    woman = [describe(picture, faces[0].box) for picture, faces in found if faces]
    astronaut = describe(grey_astronaut(), ASTRONAUT_BOX)
    own = [difference(one, other) for one, other in combinations(woman, 2)]
    foreign = [difference(one, astronaut) for one in woman]
    assert float(np.median(own)) < 1.2
    assert float(np.quantile(own, 0.9)) < min(foreign)


def test_subjects_of_ck_differ_more_than_their_expressions(shared_data: Path) -> None:
    """CK+ shows nothing but the face, so only 12 of the figures are there; clothes come on top."""
    with (shared_data / "ck48" / "labels.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))[::3]
    figures = np.array(
        [describe(read(shared_data / "ck48" / row["path"]), (0, 0, 48, 48)) for row in rows]
    )
    own: list[float] = []
    foreign: list[float] = []
    for i, j in combinations(range(len(rows)), 2):
        apart = difference(tuple(figures[i]), tuple(figures[j]))
        (own if rows[i]["subject"] == rows[j]["subject"] else foreign).append(apart)
    better = np.searchsorted(np.sort(foreign), own)
    assert 1 - float(np.mean(better)) / len(foreign) > 0.9


def read(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
