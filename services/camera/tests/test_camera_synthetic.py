import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from moodcue_camera.moods import TRANSITION_SECONDS, parse_moods
from moodcue_camera.sources import Image
from moodcue_camera.synthetic import SyntheticPeople

MOODS = parse_moods("happiness 20, sadness 20, neutral 20")


def picture(seconds: float, *, seed: int = 0) -> Image:
    image = SyntheticPeople(MOODS, seed=seed).picture_at(seconds)
    assert image is not None
    return image


def faces(image: Image | None) -> int:
    assert image is not None
    cascades = Path(cv2.__file__).parent / "data"
    detector = cv2.CascadeClassifier(str(cascades / "haarcascade_frontalface_default.xml"))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return len(detector.detectMultiScale(grey, 1.1, 5, minSize=(60, 60)))


def test_a_picture_depends_on_time_and_seed_alone() -> None:
    camera = SyntheticPeople(MOODS, seed=3)
    for seconds in (0.0, 7.4, 20.6, 21.0, 7.4):
        np.testing.assert_array_equal(camera.picture_at(seconds), picture(seconds, seed=3))
    assert np.abs(picture(5, seed=3).astype(int) - picture(5, seed=4)).mean() > 2


def test_pictures_are_in_colour_and_of_the_usual_size() -> None:
    image = picture(1)
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    assert np.ptp(image, axis=2).mean() > 5


def test_the_scene_moves_smoothly() -> None:
    for seconds in (3.0, 20.5, 40.7):
        now, soon, later = (smoothed(picture(seconds + d)) for d in (0, 0.04, 3))
        assert 0 < np.abs(soon - now).mean() < 3
        assert np.abs(later - now).mean() > 3


def smoothed(image: Image) -> Image:
    """Without the noise of the sensor, which is another one in every picture."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 3), np.float32)


def test_a_face_is_found_in_nearly_every_picture() -> None:
    camera = SyntheticPeople(MOODS, seed=0)
    times = np.arange(0, 60, 0.6)
    found = sum(faces(camera.picture_at(float(seconds))) == 1 for seconds in times)
    assert found >= 0.98 * len(times)


@pytest.mark.parametrize("people", [2, 3])
def test_there_are_as_many_people_as_asked_for(people: int) -> None:
    camera = SyntheticPeople(MOODS, seed=0, people=people)
    counts = [faces(camera.picture_at(seconds)) for seconds in (5.0, 25.0, 45.0)]
    assert np.median(counts) == people


def test_a_mood_leads_over_into_the_next_one_gradually() -> None:
    camera = SyntheticPeople(MOODS, seed=0)
    times = 20 + np.linspace(0, TRANSITION_SECONDS, 31)
    shown = [smoothed(np.asarray(camera.picture_at(float(t)), np.uint8)) for t in times]
    steps = [float(np.abs(b - a).max()) for a, b in itertools.pairwise(shown)]
    assert max(steps) < np.abs(shown[-1] - shown[0]).max() / 3
