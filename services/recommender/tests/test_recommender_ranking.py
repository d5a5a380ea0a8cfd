from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.errors import ProtocolError
from moodcue.library_index import FORMAT, IndexManifest
from moodcue.songs import Song
from moodcue.taxonomy import BASIC_7, EMOTIONS, vector_from_mapping
from moodcue_recommender.library import Library
from moodcue_recommender.ranking import rank
from moodcue_recommender.reasons import reason_for
from moodcue_recommender.sample_library import index_of, make_song, random_songs, song_table

sevens = st.lists(st.floats(0.001, 1), min_size=7, max_size=7)


def library_of(songs: Sequence[Song]) -> Library:
    manifest = IndexManifest(
        format=FORMAT,
        generation="test",
        created=0,
        dimension=7,
        metric="inner_product",
        labels=BASIC_7,
        songs=len(songs),
        model="made-up",
        model_sha256="",
        music_root="/music",
        files={},
    )
    return Library(manifest, song_table(songs), index_of(songs))


LIBRARIES = {size: library_of(random_songs(size, seed=size)) for size in (1, 3, 5, 20, 24, 25, 200)}
REORDERED = {size: library_of(random_songs(size, seed=size)[::-1]) for size in LIBRARIES}
libraries = st.sampled_from(sorted(LIBRARIES)).map(LIBRARIES.__getitem__)


def ids(library: Library, probabilities: Sequence[float], **options: object) -> list[int]:
    found = rank(library, probabilities, count=5, **options)  # type: ignore[arg-type]
    return [int(song.song, 16) for song in found.songs]


@given(libraries, sevens, st.integers(1, 50))
def test_contributions_sum_to_the_score_and_name_every_emotion(
    library: Library, probabilities: list[float], count: int
) -> None:
    for song in rank(library, probabilities, count=count).songs:
        assert tuple(song.contributions) == EMOTIONS
        assert sum(song.contributions.values()) == pytest.approx(song.score, abs=1e-6)
        assert -1 <= song.score <= 1
        assert song.reason.endswith(".")


@given(libraries, sevens, st.integers(1, 50))
def test_the_songs_are_those_of_the_highest_cosine_best_first(
    library: Library, probabilities: list[float], count: int
) -> None:
    found = rank(library, probabilities, count=count)
    query = np.array(probabilities) / np.linalg.norm(probabilities)
    cosines = sorted(
        (
            float(query @ np.array(song.emotions) / np.linalg.norm(song.emotions))
            for song in library.songs
        ),
        reverse=True,
    )
    scores = [song.score for song in found.songs]
    assert scores == pytest.approx(cosines[:count], abs=1e-5)
    assert all(first >= second for first, second in pairwise(scores))
    assert found.repeated == 0


@given(libraries, st.lists(sevens, min_size=1, max_size=8))
def test_no_song_comes_twice_within_twenty_while_the_library_allows_it(
    library: Library, moods: list[list[float]]
) -> None:
    played: list[int] = []
    for mood in moods:
        recent = played[-20:]
        found = rank(library, mood, count=5, recent=recent)
        chosen = [int(song.song, 16) for song in found.songs]
        assert len(chosen) == len(set(chosen)) == min(5, len(library.songs))
        forced = max(0, len(chosen) - (len(library.songs) - len(set(recent))))
        assert len(set(chosen) & set(recent)) == forced == found.repeated
        played += chosen


def test_a_small_library_repeats_what_was_recommended_longest_ago() -> None:
    library = LIBRARIES[5]
    recent = library.songs.ids.tolist()[:4]
    assert set(ids(library, [1.0] * 7, recent=recent)) == set(library.songs.ids.tolist())
    two = rank(library, [1.0] * 7, count=2, recent=recent)
    oldest = f"{recent[0]:016x}"
    assert two.repeated == 1
    assert [song.reason.count("comes again") for song in two.songs if song.song == oldest] == [1]


def test_songs_that_have_left_the_library_do_not_count_against_it() -> None:
    library = LIBRARIES[25]
    gone = range(1, 21)
    assert ids(library, [1.0] * 7, recent=list(gone)) == ids(library, [1.0] * 7)


@given(st.sampled_from(sorted(LIBRARIES)), sevens)
def test_the_same_songs_give_the_same_answer_however_the_index_is_ordered(
    size: int, probabilities: list[float]
) -> None:
    library, reordered = LIBRARIES[size], REORDERED[size]
    recent = library.songs.ids.tolist()[:10]
    assert rank(library, probabilities, count=5, recent=recent) == rank(
        reordered, probabilities, count=5, recent=recent
    )


def test_equal_scores_are_ordered_by_id() -> None:
    twins = [make_song(f"twin-{number}", 0.5, 0.5) for number in range(5)]
    one, other = library_of(twins), library_of(twins[::-1])
    assert ids(one, [1.0] * 7) == ids(other, [1.0] * 7) == sorted(song.id for song in twins)


def test_a_change_of_emotion_changes_the_songs() -> None:
    library = LIBRARIES[200]
    happy = ids(library, vector_from_mapping({"happiness": 1}))
    sad = ids(library, vector_from_mapping({"sadness": 1}))
    assert not set(happy) & set(sad)
    assert all(library.songs.song(song).valence > 0 for song in happy)
    assert all(library.songs.song(song).valence < 0 for song in sad)


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(ProtocolError, match="all seven probabilities are 0"):
        rank(LIBRARIES[5], [0.0] * 7, count=5)


@pytest.mark.parametrize(
    ("contributions", "sentence"),
    [
        (
            {"happiness": 0.9, "neutral": 0.05},
            "A close match: it shares happiness above all (95% of the likeness).",
        ),
        (
            {"happiness": 0.3, "sadness": 0.4},
            "A fair match: it shares sadness (57% of the likeness) and happiness (43%).",
        ),
        (
            {"neutral": 0.5, "sadness": 0.2},
            "A fair match: it shares neutrality (71% of the likeness) and sadness (29%).",
        ),
        (
            {"fear": 0.2},
            "The nearest there is: it shares fear above all (100% of the likeness).",
        ),
        (
            {"fear": 0.0, "anger": -0.2},
            "It shares none of the emotions, but nothing nearer is left.",
        ),
    ],
)
def test_the_reason_says_in_plain_words_what_is_shared(
    contributions: dict[str, float], sentence: str
) -> None:
    assert reason_for(contributions) == sentence


def test_the_reason_says_that_a_song_comes_again() -> None:
    assert reason_for({"fear": 0.2}, repeated=True).endswith(
        ", and comes again because the library has nothing new left."
    )
