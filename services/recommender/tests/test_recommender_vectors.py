import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.errors import ProtocolError
from moodcue.taxonomy import EMOTIONS, valence_arousal_of
from moodcue_recommender.moods import EMOTION_WORDS, POINT_WORDS, known_words, seven_of_mood
from moodcue_recommender.vectors import query_vector

sevens = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(any)


@given(sevens)
def test_a_query_is_a_unit_vector_that_keeps_the_proportions(probabilities: list[float]) -> None:
    vector = query_vector(probabilities)
    assert math.isclose(float(np.linalg.norm(vector)), 1.0, abs_tol=1e-9)
    assert int(vector.argmax()) == int(np.argmax(probabilities))


@pytest.mark.parametrize(
    ("probabilities", "text"),
    [
        ([0.0] * 7, "all seven probabilities are 0"),
        ([1.0] * 6, "not 7 probabilities"),
        ([math.nan, *[0.0] * 6], "not 7 probabilities"),
        ([-0.1, *[0.5] * 6], "not 7 probabilities"),
    ],
)
def test_what_is_no_mood_is_refused_with_the_remedy(probabilities: list[float], text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        query_vector(probabilities)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_name_of_an_emotion_asks_for_it_alone(emotion: str) -> None:
    seven = seven_of_mood(emotion)
    assert sum(seven) == 1
    assert seven[EMOTIONS.index(emotion)] == 1


@pytest.mark.parametrize("word", known_words())
def test_every_known_word_can_be_asked_for_in_any_writing(word: str) -> None:
    assert seven_of_mood(f" {word.upper()} ") == seven_of_mood(word)


def test_calm_and_tense_words_lie_on_their_sides() -> None:
    calm = valence_arousal_of(seven_of_mood("calm"))
    tense = valence_arousal_of(seven_of_mood("tense"))
    assert calm[0] > tense[0]
    assert calm[1] < tense[1]


def test_no_word_means_two_things() -> None:
    assert not EMOTION_WORDS.keys() & POINT_WORDS.keys()


def test_an_unknown_word_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ProtocolError, match=r"unknown mood 'groovy'; known: anger, .*calm"):
        seven_of_mood("groovy")
