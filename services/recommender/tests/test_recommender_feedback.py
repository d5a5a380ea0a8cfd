from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from recommender_harness import opened_answerer, request, window

from moodcue.events import Feedback, FeedbackKind, Mode, Recommendation
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.sample_library import random_songs, write_library
from moodcue_recommender.wishes import Question


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_library(tmp_path / "index", random_songs(400), generation="first")
    return tmp_path


@pytest.fixture
def answerer(folder: Path) -> Iterator[Answerer]:
    with opened_answerer(folder) as opened:
        yield opened


def ask(answerer: Answerer, question: Question) -> Recommendation:
    answer = answerer.answer(question)
    assert answer is not None
    return answer.recommendation


def tell(answerer: Answerer, song: str, kind: FeedbackKind, **changes: Any) -> Recommendation:
    return ask(answerer, request(feedback=Feedback(song=song, kind=kind), **changes))


def keys(answer: Recommendation) -> list[str]:
    return [song.song for song in answer.songs]


def test_a_song_that_is_liked_rises_and_says_why(answerer: Answerer) -> None:
    before = ask(answerer, window())
    last = before.songs[-1]
    for _ in range(5):
        after = tell(answerer, last.song, FeedbackKind.LIKE)

    place = keys(after).index(last.song)
    assert place < len(before.songs) - 1
    risen = after.songs[place]
    assert risen.moved_by == "taste"
    assert "Feedback moves it up" in risen.reason
    assert risen.liking is not None
    assert risen.liking.low < risen.liking.mean < risen.liking.high
    assert risen.score == last.score


def test_a_song_that_is_skipped_falls(answerer: Answerer) -> None:
    first, second = ask(answerer, window()).songs[:2]
    for _ in range(5):
        tell(answerer, first.song, FeedbackKind.LIKE)
        after = tell(answerer, second.song, FeedbackKind.LIKE)
    assert keys(after)[:2] == [first.song, second.song]
    for _ in range(8):
        after = tell(answerer, first.song, FeedbackKind.SKIP)

    assert first.song not in keys(after)[:1]
    assert keys(after)[0] == second.song


def test_feedback_is_answered_with_the_same_songs_in_their_new_order(answerer: Answerer) -> None:
    before = ask(answerer, window())
    after = tell(answerer, before.songs[2].song, FeedbackKind.LIKE)

    assert set(keys(after)) == set(keys(before))
    assert after.window == before.window
    assert after.keep
    assert set(keys(ask(answerer, window()))).isdisjoint(keys(before))


@pytest.mark.parametrize("kind", [FeedbackKind.DISLIKE, FeedbackKind.NOT_NOW])
def test_a_song_that_is_not_wanted_gives_way_to_another_at_once(
    answerer: Answerer, kind: FeedbackKind
) -> None:
    before = ask(answerer, window())
    gone = before.songs[0].song
    after = tell(answerer, gone, kind)

    assert gone not in keys(after)
    assert len(set(keys(after)) & set(keys(before))) == 4
    for _ in range(100):
        assert gone not in keys(ask(answerer, window()))


def test_what_is_not_wanted_now_comes_back(folder: Path) -> None:
    with opened_answerer(folder) as answerer:
        gone = ask(answerer, window()).songs[0].song
        tell(answerer, gone, FeedbackKind.NOT_NOW, time=0)
        hour = 3600 * 10**9
        came = [keys(ask(answerer, window(time=hour))) for _ in range(100)]

    assert any(gone in songs for songs in came)


def test_liked_songs_come_again_sooner_than_others(answerer: Answerer) -> None:
    liked = ask(answerer, window()).songs[0].song
    for _ in range(5):
        tell(answerer, liked, FeedbackKind.LIKE)
    came = [liked in keys(ask(answerer, window())) for _ in range(8)]

    assert any(came)
    assert not any(came[:4])


def test_taste_never_brings_a_song_to_a_mood_that_it_does_not_fit(answerer: Answerer) -> None:
    loved = ask(answerer, request(mood="sad")).songs[0].song
    for _ in range(20):
        tell(answerer, loved, FeedbackKind.LIKE)

    for _ in range(30):
        assert loved not in keys(ask(answerer, window()))


def test_taste_is_of_one_room(answerer: Answerer) -> None:
    gone = ask(answerer, window()).songs[0].song
    tell(answerer, gone, FeedbackKind.DISLIKE)

    assert gone in keys(ask(answerer, window(camera="hall")))


def test_taste_survives_a_restart_and_ends_with_a_reset(folder: Path) -> None:
    with opened_answerer(folder) as answerer:
        liked = ask(answerer, window()).songs[1].song
        tell(answerer, liked, FeedbackKind.LIKE)
    with opened_answerer(folder) as answerer:
        (song, *_) = answerer.tastes.of("kitchen").entries()
        assert (song.song, song.likes) == (liked, 1)
        after = ask(answerer, request(reset_taste=True))
        assert all(each.liking is None for each in after.songs)
    with opened_answerer(folder) as answerer:
        assert answerer.tastes.of("kitchen").entries() == ()


def test_without_a_camera_feedback_reorders_what_was_asked_for_by_hand(
    answerer: Answerer,
) -> None:
    before = ask(answerer, request(mood="calm", camera="manual"))
    after = tell(answerer, before.songs[1].song, FeedbackKind.LIKE, camera="manual")

    assert set(keys(after)) == set(keys(before))
    assert after.target == before.target


def test_feedback_after_a_mood_by_hand_is_about_the_songs_of_that_mood(
    answerer: Answerer,
) -> None:
    seen = ask(answerer, window())
    by_hand = ask(answerer, request(point=(-0.7, -0.7), mode=Mode.LIFT))
    after = tell(answerer, by_hand.songs[1].song, FeedbackKind.LIKE)

    assert set(keys(after)) == set(keys(by_hand))
    assert (after.mode, after.place, after.target) == (
        by_hand.mode,
        by_hand.place,
        by_hand.target,
    )
    assert ask(answerer, window()).place == seen.place


def test_feedback_from_the_far_future_is_kept_like_any_other(answerer: Answerer) -> None:
    gone = ask(answerer, window()).songs[0].song
    tell(answerer, gone, FeedbackKind.DISLIKE, time=2**64 - 1)

    assert gone not in keys(ask(answerer, window()))
    assert answerer.log_problem is None


def test_feedback_asks_for_as_many_songs_as_it_says(answerer: Answerer) -> None:
    before = ask(answerer, request(mood="calm", count=3))
    after = tell(answerer, before.songs[0].song, FeedbackKind.LIKE, count=8)

    assert len(after.songs) == 8
    assert set(keys(before)) < set(keys(after))


def test_a_word_on_a_song_is_a_hint_to_its_artists_others_but_nobody_is_no_artist(
    tmp_path: Path,
) -> None:
    songs = [
        replace(song, artist="Band" if place % 2 else "Unknown artist")
        for place, song in enumerate(random_songs(60))
    ]
    write_library(tmp_path / "index", songs, generation="first")
    with opened_answerer(tmp_path) as answerer:
        for song in ask(answerer, window()).songs:
            tell(answerer, song.song, FeedbackKind.LIKE)
        later = ask(answerer, window()).songs

    known = {song.artist: song.liking for song in later}
    assert known["Unknown artist"] is None
    assert known["Band"] is not None
    assert 0.5 < known["Band"].mean < 2 / 3
