import numpy as np
import pytest
from fer_pictures import grey_astronaut

from moodcue_fer.faces import crop_face
from moodcue_fer.robustness import CHANGES, blurred, changed, lit, moved, small


def face() -> np.ndarray:
    return crop_face(grey_astronaut(), (174, 64, 98, 98))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_crops_of_the_same_form_and_the_same_each_time(name: str) -> None:
    crops = np.stack([face(), face()[:, ::-1]])
    once, again = (changed(crops, CHANGES[name]) for _ in range(2))
    assert once.shape == crops.shape
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert np.array_equal(once, crops) == (name == "none")


def test_a_shift_moves_the_picture_by_that_share_of_the_box() -> None:
    picture = np.zeros((48, 48), dtype=np.uint8)
    picture[20, 20] = 200
    shifted = moved(across=6 / 48, down=-3 / 48)(picture)
    assert divmod(int(shifted.argmax()), 48) == (17, 26)


def test_a_box_too_large_shows_the_face_smaller() -> None:
    picture = np.zeros((48, 48), dtype=np.uint8)
    picture[12:36, 12:36] = 200
    assert (moved(zoom=0.5)(picture) > 100).sum() == pytest.approx(12 * 12, abs=25)


def test_light_scales_grey_levels_and_stops_at_white() -> None:
    grey = np.full((48, 48), 100, dtype=np.uint8)
    assert lit(gain=0.5)(grey).max() == 50
    assert lit(gain=3)(grey).min() == 255
    side = lit(side=0.5)(grey)
    assert (side[0, 0], side[0, -1]) == (50, 150)


def test_blur_and_smallness_take_detail_away() -> None:
    crop = face()
    for worse in (blurred(2.0), small(12)):
        assert (
            np.abs(np.diff(worse(crop).astype(int))).mean()
            < np.abs(np.diff(crop.astype(int))).mean() / 1.5
        )
