import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moodcue.errors import ProtocolError
from moodcue.taxonomy import EMOTIONS, quadrant_of, vector_from_mapping
from moodcue_recommender.sample_library import make_song, random_songs, song_table
from moodcue_recommender.vectors import (
    Matching,
    checked_probabilities,
    cosine_query,
    plane_query,
    plane_shares,
    song_vectors,
    target_of,
)

sevens = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(any)
signed = st.floats(-1, 1)


@given(sevens)
def test_a_cosine_query_is_a_unit_vector_that_keeps_the_proportions(
    probabilities: list[float],
) -> None:
    vector = cosine_query(probabilities)
    assert math.isclose(float(np.linalg.norm(vector)), 1.0, abs_tol=1e-9)
    assert int(vector.argmax()) == int(np.argmax(probabilities))


@example([0.0, 0.0, 0.0, 0.0, 0.974609375, 0.0, 0.11])
@given(sevens)
def test_songs_are_chosen_for_a_point_of_the_plane_that_has_a_direction_of_length_one(
    probabilities: list[float],
) -> None:
    target = target_of(probabilities)
    assert all(-1 <= value <= 1 for value in target)
    assert math.isclose(float(np.linalg.norm(plane_query(target))), 1.0, abs_tol=1e-9)


@given(sevens, signed, signed)
def test_the_shares_of_the_emotions_sum_to_the_product(
    probabilities: list[float], valence: float, arousal: float
) -> None:
    song = song_vectors(song_table([make_song("one", valence, arousal)]), Matching.PLANE)[0]
    product = float(plane_query(target_of(probabilities)) @ song)
    shares = plane_shares(probabilities, song.astype(np.float64))
    assert tuple(shares) == EMOTIONS
    assert sum(shares.values()) == pytest.approx(product, abs=1e-6)


@pytest.mark.parametrize(
    ("emotion", "quadrant"),
    [
        ("happiness", "Q1"),
        ("surprise", "Q1"),
        ("anger", "Q2"),
        ("disgust", "Q2"),
        ("fear", "Q2"),
        ("sadness", "Q3"),
        ("neutral", "Q4"),
    ],
)
def test_each_emotion_asks_for_music_of_its_quarter_of_the_plane(
    emotion: str, quadrant: str
) -> None:
    valence, arousal = target_of(vector_from_mapping({emotion: 1}))
    assert quadrant_of(valence=valence, arousal=arousal) == quadrant


def test_what_is_shown_most_decides_over_a_wide_spread_of_little() -> None:
    face = vector_from_mapping({"neutral": 0.55, "anger": 0.15, "fear": 0.15, "disgust": 0.15})
    valence, arousal = target_of(face)
    assert quadrant_of(valence=valence, arousal=arousal) == "Q4"


def test_from_the_middle_of_the_plane_the_songs_of_the_middle_are_nearest() -> None:
    songs = song_vectors(
        song_table([make_song("corner", 1, -1), make_song("middle", 0, 0.1)]), Matching.PLANE
    )
    products = songs @ plane_query((0.0, 0.0))
    assert products[1] > products[0]


@pytest.mark.parametrize("matching", list(Matching))
def test_songs_are_unit_vectors(matching: Matching) -> None:
    vectors = song_vectors(song_table(random_songs(50)), matching)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_song_of_which_much_is_known_lies_further_in_its_direction() -> None:
    sure, unsure = song_vectors(
        song_table([make_song("sure", 0.9, -0.9), make_song("unsure", 0.2, -0.2)]), Matching.PLANE
    )
    query = plane_query((0.5, -0.5))
    assert sure @ query > unsure @ query


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
        checked_probabilities(probabilities)
