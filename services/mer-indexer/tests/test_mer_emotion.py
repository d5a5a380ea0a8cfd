import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.taxonomy import EMOTIONS
from moodcue_mer_indexer.emotion import summarise


def named(values: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(EMOTIONS, values, strict=True))


def test_calm_music_is_neutral_with_some_happiness() -> None:
    emotions = named(summarise([(0.05, 0.02, 0.08, 0.85)], patch_seconds=8).emotions)

    assert emotions["neutral"] > 0.5
    assert emotions["happiness"] > 0.05
    assert emotions["happiness"] > emotions["sadness"]


@pytest.mark.parametrize(
    ("quadrants", "first"),
    [
        ((0.9, 0.04, 0.03, 0.03), {"happiness"}),
        ((0.04, 0.9, 0.03, 0.03), {"anger", "fear"}),
        ((0.03, 0.04, 0.9, 0.03), {"sadness"}),
    ],
)
def test_a_clear_quadrant_has_its_emotion_first(
    quadrants: tuple[float, ...], first: set[str]
) -> None:
    emotions = named(summarise([quadrants], patch_seconds=8).emotions)

    assert max(emotions, key=lambda name: emotions[name]) in first


@given(weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_valence_and_arousal_are_differences_of_halves(weights: list[float]) -> None:
    quadrants = np.array(weights) / sum(weights)

    emotion = summarise([quadrants], patch_seconds=8)

    assert emotion.valence == pytest.approx(
        quadrants[0] + quadrants[3] - quadrants[1] - quadrants[2]
    )
    assert emotion.arousal == pytest.approx(
        quadrants[0] + quadrants[1] - quadrants[2] - quadrants[3]
    )
    assert -1 <= emotion.valence <= 1
    assert -1 <= emotion.arousal <= 1


def test_the_trajectory_keeps_the_order_of_a_song_that_turns() -> None:
    sad, happy = (0.1, 0.1, 0.7, 0.1), (0.7, 0.1, 0.1, 0.1)

    trajectory = summarise([sad, sad, happy], patch_seconds=8).trajectory

    assert [moment.seconds for moment in trajectory] == [0, 8, 16]
    assert trajectory[0].valence < 0 < trajectory[-1].valence


def test_the_trajectory_of_ten_hours_is_no_longer_than_that_of_an_hour() -> None:
    generator = np.random.default_rng(3)
    rows = generator.dirichlet(np.ones(4), size=4500)

    emotion = summarise(rows, patch_seconds=8)

    assert 200 <= len(emotion.trajectory) <= 240
    assert emotion.trajectory[1].seconds % 8 == 0
    halves = rows[:, 0] + rows[:, 3] - rows[:, 1] - rows[:, 2]
    assert np.mean([moment.valence for moment in emotion.trajectory]) == pytest.approx(
        halves.mean(), abs=0.01
    )


def test_uncertainty_grows_from_a_clear_song_to_one_that_could_be_anything() -> None:
    clear = summarise([(1.0, 0.0, 0.0, 0.0)], patch_seconds=8).uncertainty
    torn = summarise([(1.0, 0, 0, 0), (0, 0, 1.0, 0)], patch_seconds=8).uncertainty
    open_ = summarise([(0.25, 0.25, 0.25, 0.25)], patch_seconds=8).uncertainty

    assert (clear, torn, open_) == pytest.approx((0, 0.5, 1), abs=0.01)


def test_a_patch_that_the_model_is_sure_of_counts_more_than_a_doubtful_one() -> None:
    sure, doubtful = (0.97, 0.01, 0.01, 0.01), (0.15, 0.25, 0.35, 0.25)

    emotion = summarise([sure, doubtful], patch_seconds=3)

    assert emotion.quadrants[0] > (sure[0] + doubtful[0]) / 2
    assert sum(emotion.quadrants) == pytest.approx(1)
