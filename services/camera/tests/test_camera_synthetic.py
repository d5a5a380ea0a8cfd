import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from moodcue_camera import portrait
from moodcue_camera.moods import EXPRESSIONS, parse_moods
from moodcue_camera.portrait import Portrait, find_portrait
from moodcue_camera.sources import Image, SourceError
from moodcue_camera.synthetic import SyntheticCamera

MOODS = parse_moods("happiness 20, sadness 20, neutral 20")


def picture(seconds: float, *, seed: int = 0) -> Image:
    image = SyntheticCamera(MOODS, seed=seed).picture_at(seconds)
    assert image is not None
    return image


def test_a_picture_depends_on_time_and_seed_alone() -> None:
    camera = SyntheticCamera(MOODS, seed=3)
    for seconds in (0.0, 7.4, 21.0):
        np.testing.assert_array_equal(camera.picture_at(seconds), picture(seconds, seed=3))
    assert np.abs(picture(5, seed=3).astype(int) - picture(5, seed=4)).mean() > 2


def test_pictures_are_in_colour_and_of_the_usual_size() -> None:
    image = picture(1)
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8


def test_the_scene_moves_smoothly() -> None:
    for seconds in (3.0, 20.5, 40.7):
        now, soon, later = (picture(seconds + d).astype(int) for d in (0, 0.04, 3))
        assert 0 < np.abs(soon - now).mean() < 3
        assert np.abs(later - now).mean() > 4


def test_a_face_is_found_in_nearly_every_picture() -> None:
    cascades = Path(cv2.__file__).parent / "data"
    detector = cv2.CascadeClassifier(str(cascades / "haarcascade_frontalface_default.xml"))
    camera = SyntheticCamera(MOODS, seed=0)
    found = 0
    times = np.arange(0, 60, 0.6)
    for seconds in times:
        image = camera.picture_at(float(seconds))
        assert image is not None
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        found += len(detector.detectMultiScale(grey, 1.1, 5, minSize=(90, 90))) == 1
    assert found >= 0.98 * len(times)


def corner_height(expression: str) -> float:
    """Height of the darkest pixel of the lip line near the corner of the mouth, over the middle."""
    grey = cv2.cvtColor(Portrait().showing({expression: 1.0}), cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(grey, (0, 0), 2)
    corner, middle = smooth[262:302, 234:246].mean(axis=1), smooth[262:302, 260:276].mean(axis=1)
    return float(middle.argmin() - corner.argmin())


def test_a_smile_lifts_the_corners_of_the_mouth_and_sadness_drops_them() -> None:
    assert corner_height("sadness") < corner_height("neutral") < corner_height("happiness")


def test_every_expression_can_be_shown_and_only_moves_the_face() -> None:
    neutral = Portrait().showing({"neutral": 1.0})
    for expression in EXPRESSIONS:
        shown = Portrait().showing({expression: 1.0})
        assert np.array_equal(shown[400:], neutral[400:])
        assert np.array_equal(shown, neutral) == (expression == "neutral")


def test_the_portrait_is_found_without_importing_the_package_that_holds_it() -> None:
    code = (
        "import sys; from moodcue_camera.synthetic import SyntheticCamera; "
        "SyntheticCamera((), seed=0).rewind(); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_portrait_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portrait, "_PACKAGE", "no_such_package")
    with pytest.raises(SourceError, match=r"pip install 'moodcue-camera\[synthetic\]'"):
        find_portrait()
