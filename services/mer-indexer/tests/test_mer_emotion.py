import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.taxonomy import EMOTIONS
from moodcue_mer_indexer.emotion import summarise


def named(values: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(EMOTIONS, values, strict=True))


def test_calm_music_is_neutral_with_some_happiness() -> None:
    emotions = named(summarise((0.05, 0.02, 0.08, 0.85)).emotions)

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
    emotions = named(summarise(quadrants).emotions)

    assert max(emotions, key=lambda name: emotions[name]) in first


@given(weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_valence_and_arousal_are_differences_of_halves(weights: list[float]) -> None:
    quadrants = np.array(weights) / sum(weights)

    emotion = summarise(quadrants)

    assert emotion.valence == pytest.approx(
        quadrants[0] + quadrants[3] - quadrants[1] - quadrants[2]
    )
    assert emotion.arousal == pytest.approx(
        quadrants[0] + quadrants[1] - quadrants[2] - quadrants[3]
    )
    assert -1 <= emotion.valence <= 1
    assert -1 <= emotion.arousal <= 1
