from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from moodcue.errors import ProtocolError
from moodcue.library_index import FORMAT, IndexManifest
from moodcue.songs import Song
from moodcue.taxonomy import BASIC_7, EMOTIONS, vector_from_mapping
from moodcue_recommender.history import History
from moodcue_recommender.library import Library
from moodcue_recommender.ranking import Ranking, rank
from moodcue_recommender.rules import Rule, Weights
from moodcue_recommender.sample_library import make_song, random_songs, song_table
from moodcue_recommender.vectors import Matching

sevens = st.lists(st.floats(0.001, 1), min_size=7, max_size=7)
HAPPY = vector_from_mapping({"happiness": 1})
SAD = vector_from_mapping({"sadness": 1})


def library_of(songs: Sequence[Song], matching: Matching = Matching.PLANE) -> Library:
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
    return Library.of(manifest, song_table(songs), matching=matching)


SIZES = (1, 3, 5, 20, 24, 25, 200)
LIBRARIES = {
    (size, matching): library_of(random_songs(size, seed=size), matching)
    for size in SIZES
    for matching in Matching
}
libraries = st.sampled_from(list(LIBRARIES)).map(LIBRARIES.__getitem__)


def ids(found: Ranking) -> list[int]:
    return [int(song.song, 16) for song in found.songs]


def corner(count: int, valence: float, arousal: float, name: str) -> list[Song]:
    """Songs of different artists that sound the same, each a little further from a point."""
    return [
        replace(
            make_song(f"{name}-{i:03d}", valence * (1 - i / 1000), arousal * (1 - i / 1000)),
            opening=(valence, arousal),
            ending=(valence, arousal),
        )
        for i in range(count)
    ]


@given(libraries, sevens, st.integers(1, 50))
def test_contributions_sum_to_the_score_and_name_every_emotion(
    library: Library, probabilities: list[float], count: int
) -> None:
    for song in rank(library, probabilities, count=count).songs:
        assert tuple(song.contributions) == EMOTIONS
        assert sum(song.contributions.values()) == pytest.approx(song.score, abs=1e-5)
        assert -1 <= song.score <= 1
        assert song.reason.endswith(".")


@given(st.sampled_from(SIZES), sevens)
def test_the_cosine_of_a_song_is_that_of_the_seven_emotions(
    size: int, probabilities: list[float]
) -> None:
    library = LIBRARIES[size, Matching.COSINE]
    query = np.array(probabilities) / np.linalg.norm(probabilities)
    for song in rank(library, probabilities, count=5).songs:
        cosine = float(query @ np.array(song.emotions) / np.linalg.norm(song.emotions))
        assert song.score == pytest.approx(cosine, abs=1e-5)


@given(libraries, sevens, st.integers(1, 50))
def test_songs_come_best_first_with_their_rank_by_fit_alone(
    library: Library, probabilities: list[float], count: int
) -> None:
    found = rank(library, probabilities, count=count)
    assert len(set(ids(found))) == len(found.songs) == min(count, len(library.songs))
    assert all(one.score >= other.score for one, other in pairwise(found.songs))
    ranks = [song.fit_rank for song in found.songs]
    assert ranks == sorted(set(ranks))
    assert found.repeated == 0
    for place, song in enumerate(found.songs, start=1):
        assert bool(song.moved_by) == (song.fit_rank != place)


@given(libraries, st.lists(sevens, min_size=1, max_size=8))
def test_no_song_comes_twice_within_the_memory_while_enough_others_fit(
    library: Library, moods: list[list[float]]
) -> None:
    history = History()
    played: list[int] = []
    for mood in moods:
        found = rank(library, mood, count=5, history=history)
        memory = min(20, max(0, found.fitting - 5))
        chosen = ids(found)
        assert len(chosen) == len(set(chosen)) == min(5, len(library.songs))
        assert not memory or not set(chosen) & set(played[-memory:])
        assert found.repeated == len(set(chosen) & set(played[-20:]))
        assert found.repeated == sum(song.repeated for song in found.songs)
        played += chosen
        history.add(chosen)


def test_a_steady_sad_face_is_never_given_cheerful_songs_for_want_of_new_sad_ones() -> None:
    library = library_of([*corner(6, -0.9, -0.9, "sad"), *corner(30, 0.9, 0.9, "march")])
    history = History()
    for _ in range(20):
        found = rank(library, SAD, count=5, history=history)
        assert all(song.valence < 0 for song in found.songs)
        history.add(ids(found))


def test_a_steady_mood_gets_every_song_that_fits_before_one_comes_again() -> None:
    library = library_of([*corner(40, -0.9, -0.9, "sad"), *corner(160, 0.9, 0.9, "march")])
    history = History()
    given_songs: list[int] = []
    for _ in range(5):
        found = rank(library, SAD, count=5, history=history)
        history.add(ids(found))
        given_songs += ids(found)
    assert len(set(given_songs)) == 25
    assert all(library.songs.song(song).valence < 0 for song in given_songs)


def test_songs_that_were_passed_over_for_a_song_are_said_to_be_in_the_memory() -> None:
    library = library_of([*corner(40, -0.9, -0.9, "sad"), *corner(160, 0.9, 0.9, "march")])
    history = History()
    history.add(ids(rank(library, SAD, count=5)))
    second = rank(library, SAD, count=5, history=history)
    assert {song.moved_by for song in second.songs} <= {Rule.MEMORY, Rule.FOLLOWS}
    assert min(song.fit_rank for song in second.songs) > 1
    assert any("came not long ago" in song.reason for song in second.songs)


def test_songs_that_came_too_often_give_way_to_the_next_that_fit() -> None:
    often = corner(25, -0.9, -0.9, "often")
    library = library_of(
        [*often, *corner(20, -0.7, -0.7, "seldom"), *corner(55, 0.9, 0.9, "march")]
    )
    came = [song.id for song in often]
    no_memory = Weights(repeat_memory=0)
    twice = rank(library, SAD, count=5, history=History(came * 2, length=100), weights=no_memory)
    assert set(ids(twice)) <= set(came)
    more = rank(library, SAD, count=5, history=History(came * 4, length=100), weights=no_memory)
    assert {song.title[:6] for song in more.songs} == {"seldom"}
    assert {song.moved_by for song in more.songs} <= {Rule.OFTEN, Rule.FOLLOWS}
    assert any("have come too often" in song.reason for song in more.songs)


def test_no_song_that_does_not_fit_comes_in_place_of_one_that_came_too_often() -> None:
    library = library_of([*corner(8, -0.9, -0.9, "sad"), *corner(40, 0.2, -0.9, "calm")])
    history = History(length=100)
    for _ in range(40):
        found = rank(library, SAD, count=5, history=history)
        assert all(song.valence < 0 for song in found.songs)
        history.add(ids(found))


def test_a_song_that_came_once_has_not_come_too_often_in_however_large_a_library() -> None:
    library = library_of([*corner(30, -0.9, -0.9, "sad"), *corner(170, -0.8, -0.8, "less")])
    history = History(length=50)
    history.add(ids(rank(library, SAD, count=5)))
    found = rank(library, SAD, count=5, history=history)
    assert {song.moved_by for song in found.songs} <= {Rule.MEMORY, Rule.FOLLOWS}


def test_one_answer_has_one_song_of_an_artist_while_others_fit() -> None:
    band = [replace(song, artist="The Band") for song in corner(10, 0.9, 0.9, "band")]
    library = library_of([*band, *corner(10, 0.8, 0.8, "others")])
    found = rank(library, HAPPY, count=5)
    assert [song.artist for song in found.songs].count("The Band") == 1
    assert found.songs[1].moved_by == Rule.ARTIST


def test_songs_of_one_artist_are_better_than_songs_that_do_not_fit() -> None:
    band = [replace(song, artist="The Band") for song in corner(10, 0.9, 0.9, "band")]
    library = library_of([*band, *corner(10, -0.9, -0.9, "others")])
    assert {song.artist for song in rank(library, HAPPY, count=5).songs} == {"The Band"}


def test_nobody_knows_whether_two_unknown_artists_are_the_same() -> None:
    unknown = [replace(song, artist="Unknown artist") for song in corner(10, 0.9, 0.9, "track")]
    found = rank(library_of([*unknown, *corner(10, 0.5, 0.5, "others")]), HAPPY, count=5)
    assert {song.artist for song in found.songs} == {"Unknown artist"}


def test_a_recording_comes_once_though_there_are_two_files_of_it() -> None:
    first, *others = corner(10, 0.9, 0.9, "song")
    again = replace(make_song("again", 0.9, 0.9), title=first.title, artist=first.artist.upper())
    found = rank(library_of([first, again, *others]), HAPPY, count=5)
    assert len({song.title for song in found.songs}) == 5


def test_of_songs_that_fit_alike_one_that_sounds_unlike_the_others_is_taken() -> None:
    alike = corner(12, 0.9, 0.9, "alike")
    other = replace(make_song("other", 0.85, 0.85), opening=(-0.9, -0.9), ending=(-0.9, -0.9))
    found = rank(library_of([*alike, other]), HAPPY, count=3)
    assert found.songs[2].title == "other"
    assert found.songs[2].moved_by == Rule.VARIETY


def test_the_first_song_begins_as_the_one_that_plays_ends() -> None:
    songs = corner(6, 0.9, 0.9, "song")
    playing = replace(make_song("playing", 0.9, 0.9), ending=(0.1, -0.5))
    follower = replace(songs[3], opening=(0.1, -0.4))
    library = library_of([*songs[:3], follower, *songs[4:], playing])
    history = History()
    history.add([playing.id])
    found = rank(library, HAPPY, count=5, history=history)
    assert found.songs[0].title == follower.title
    assert found.songs[0].moved_by == Rule.FOLLOWS
    assert "begins as the song before it ends" in found.songs[0].reason


def test_no_song_that_does_not_fit_comes_in_place_of_one_that_came_lately() -> None:
    # Two artists have all that fits, so that the cap looks for others as soon as some have waited.
    cheerful = [
        replace(make_song(f"cheerful {i}", valence, 0.9), artist=f"band {i % 2}")
        for i, valence in enumerate((0.6, 0.55, 0.5, 0.1, 0.08, -0.15))
    ]
    library = library_of([*cheerful, *(make_song(f"tense {i}", -0.4, 0.78) for i in range(5))])
    history = History()
    for _ in range(4):
        answer = rank(library, HAPPY, count=5, history=history)
        assert not [song.title for song in answer.songs if song.title.startswith("tense")]
        history.add(ids(answer))


def test_a_song_that_fits_worse_is_not_put_first_for_its_beginning() -> None:
    playing = replace(make_song("playing", 0.9, 0.9), ending=(-0.5, 0.9))
    tense = replace(make_song("tense", -0.2, 0.9), opening=(-0.5, 0.9))
    library = library_of([*corner(4, 0.9, 0.9, "song"), tense, playing])
    history = History()
    history.add([playing.id])
    found = rank(library, HAPPY, count=6, history=history)
    assert "tense" in [song.title for song in found.songs]
    assert found.songs[0].title != "tense"


def test_feedback_reorders_songs_that_fit_and_brings_in_none_that_does_not() -> None:
    library = library_of([*corner(10, 0.9, 0.9, "cheerful"), *corner(10, -0.9, -0.9, "sad")])
    before = rank(library, HAPPY, count=2)
    tenth = library.songs.ids[9].item()
    sad = library.songs.ids[10].item()
    liked = rank(library, HAPPY, count=2, taste={tenth: 0.1, sad: 0.1})
    assert tenth not in ids(before)
    assert tenth in ids(liked)
    assert sad not in ids(liked)
    assert {song.moved_by for song in liked.songs if int(song.song, 16) == tenth} == {Rule.TASTE}


def test_a_song_that_is_excluded_does_not_come() -> None:
    library = LIBRARIES[20, Matching.PLANE]
    best = ids(rank(library, HAPPY, count=1))
    assert best[0] not in ids(rank(library, HAPPY, count=20, excluded=best))
    everything = library.songs.ids.tolist()
    assert rank(library, HAPPY, count=5, excluded=everything).songs == ()


def test_songs_that_are_to_stay_are_in_the_answer_though_they_came_just_before() -> None:
    library = LIBRARIES[200, Matching.PLANE]
    history = History()
    before = ids(rank(library, HAPPY, count=5))
    history.add(before)
    again = rank(library, HAPPY, count=5, history=history, stay=before)
    assert set(ids(again)) == set(before)
    four = rank(library, HAPPY, count=5, history=history, stay=before, excluded=before[:1])
    assert len(set(ids(four)) & set(before)) == 4


def test_a_point_is_asked_for_instead_of_the_mood_that_was_seen() -> None:
    library = LIBRARIES[200, Matching.PLANE]
    found = rank(library, SAD, count=5, target=(0.7, 0.6))
    assert found.target == (0.7, 0.6)
    assert all(song.valence > 0 and song.arousal > 0 for song in found.songs)
    assert all(song.contributions == {} for song in found.songs)
    assert "where cheerful music was asked for" in found.songs[0].reason


def test_songs_that_have_left_the_library_do_not_count_against_it() -> None:
    library = LIBRARIES[25, Matching.PLANE]
    history = History(range(1, 21))
    assert ids(rank(library, [1.0] * 7, count=5, history=history)) == ids(
        rank(library, [1.0] * 7, count=5)
    )


@given(st.sampled_from(SIZES), st.sampled_from(list(Matching)), sevens)
def test_the_same_songs_give_the_same_answer_however_the_index_is_ordered(
    size: int, matching: Matching, probabilities: list[float]
) -> None:
    songs = random_songs(size, seed=size)
    history = History([song.id for song in songs[:10]])
    one = rank(library_of(songs, matching), probabilities, count=5, history=history)
    other = rank(library_of(songs[::-1], matching), probabilities, count=5, history=history)
    assert ids(one) == ids(other)


def test_equal_scores_are_ordered_by_id() -> None:
    twins = [make_song(f"twin-{number}", 0.5, 0.5) for number in range(5)]
    expected = sorted(song.id for song in twins)
    for order in (twins, twins[::-1]):
        assert ids(rank(library_of(order), [1.0] * 7, count=5)) == expected


@pytest.mark.parametrize("matching", list(Matching))
def test_opposite_emotions_share_no_song(matching: Matching) -> None:
    library = LIBRARIES[200, matching]
    happy, sad = (rank(library, mood, count=5) for mood in (HAPPY, SAD))
    assert not set(ids(happy)) & set(ids(sad))
    assert all(song.valence > 0 for song in happy.songs)
    assert all(song.valence < 0 for song in sad.songs)


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(ProtocolError, match="all seven probabilities are 0"):
        rank(LIBRARIES[5, Matching.PLANE], [0.0] * 7, count=5)
