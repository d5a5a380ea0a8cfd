import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from recommender_harness import HAPPY, RULES, opened_answerer, request, window

from moodcue.events import Feedback, FeedbackKind, HoldReason, Recommendation
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.answers import Memory, Stamp, answer
from moodcue_recommender.database import FILE
from moodcue_recommender.library import Library
from moodcue_recommender.sample_library import random_songs, write_library
from moodcue_recommender.wishes import Question

STAMP = Stamp(id="answer-1", source="recommender/one", seq=7)


def answered(question: Question, library: Library | None) -> Recommendation:
    made = answer(question, stamp=STAMP, library=library, memory=Memory(), rules=RULES)
    return made.recommendation


@pytest.fixture
def library(tmp_path: Path) -> Library:
    write_library(tmp_path / "index", random_songs(60), generation="first")
    return Library.load(tmp_path / "index")


def test_a_window_is_answered_with_its_emotion_times_and_trace(library: Library) -> None:
    asked = window(start=3, end=18, time=18)
    made = answered(asked, library)
    assert (made.id, made.source, made.seq) == ("answer-1", "recommender/one", 7)
    assert (made.window, made.request, made.trace) == (asked.id, "", asked.trace)
    assert (made.time, made.window_start, made.window_end) == (18, 3, 18)
    assert (made.emotion, made.confidence, made.probabilities) == ("happiness", 0.7, HAPPY)
    assert made.hold is None
    assert made.generation == "first"
    assert len(made.songs) == 5


@pytest.mark.parametrize("reason", list(HoldReason))
def test_the_hold_of_a_window_is_passed_on(library: Library, reason: HoldReason) -> None:
    asked = window(probabilities=None, hold=reason)
    made = answered(asked, library)
    assert (made.hold, made.songs, made.emotion) == (reason, (), "")
    assert made.window == asked.id


def test_without_an_index_a_window_is_held() -> None:
    made = answered(window(), None)
    assert (made.hold, made.songs, made.generation) == (HoldReason.NO_INDEX, (), "")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"probabilities": None}, "neither probabilities nor a reason"),
        ({"probabilities": (0.0,) * 7}, "all seven probabilities are 0"),
        ({"labels": "plutchik-8"}, "label set 'plutchik-8' is unknown"),
    ],
)
def test_a_window_that_means_nothing_is_held_with_what_is_wrong(
    library: Library, changes: dict[str, Any], detail: str
) -> None:
    asked = window(**changes)
    made = answered(asked, library)
    assert made.hold is HoldReason.NOT_UNDERSTOOD
    assert detail in made.detail
    assert made.songs == ()


@pytest.mark.parametrize(
    ("wish", "emotion"),
    [
        ({"mood": "sad"}, "sadness"),
        ({"point": (0.76, 0.48)}, "happiness"),
        ({"probabilities": HAPPY}, "happiness"),
    ],
)
def test_a_request_is_answered_by_word_point_or_vector(
    library: Library, wish: dict[str, Any], emotion: str
) -> None:
    asked = request(count=8, **wish)
    made = answered(asked, library)
    assert (made.request, made.window, made.trace) == (asked.id, "", asked.trace)
    assert (made.emotion, made.confidence, made.hold) == (emotion, 1.0, None)
    assert (made.time, made.window_end) == (99, 0)
    assert len(made.songs) == 8


@pytest.mark.parametrize(
    ("wish", "detail"),
    [
        ({"mood": "groovy"}, "unknown mood 'groovy'; known: anger"),
        ({}, "not none"),
        ({"mood": "sad", "point": (0.0, 0.0)}, "exactly one of"),
        ({"probabilities": (0.0,) * 7}, "all seven probabilities are 0"),
        ({"mood": "sad", "labels": "plutchik-8"}, "label set 'plutchik-8'"),
    ],
)
def test_a_request_that_is_not_understood_is_held_with_the_remedy(
    library: Library, wish: dict[str, Any], detail: str
) -> None:
    made = answered(request(**wish), library)
    assert made.hold is HoldReason.NOT_UNDERSTOOD
    assert detail in made.detail
    assert made.songs == ()


@pytest.fixture
def answerer(tmp_path: Path, library: Library) -> Iterator[Answerer]:
    del library
    with opened_answerer(tmp_path) as opened:
        yield opened


def test_a_question_is_answered_once(answerer: Answerer) -> None:
    for question in (window(), request(mood="calm")):
        assert answerer.answer(question) is not None
        assert answerer.answer(question) is None


def test_a_steady_mood_gets_other_songs_each_time_of_each_camera(answerer: Answerer) -> None:
    played: list[str] = []
    for _ in range(5):
        made = answerer.answer(window())
        other = answerer.answer(window(camera="hall"))
        assert made is not None
        assert other is not None
        assert {song.song for song in made.recommendation.songs} == {
            song.song for song in other.recommendation.songs
        }
        played += [song.song for song in made.recommendation.songs]
    assert len(set(played)) >= 10


def test_an_answer_says_where_the_listener_is_and_what_would_change_it(library: Library) -> None:
    event = answered(window(), library)
    assert event.place == pytest.approx((0.608, 0.384))
    assert event.target is not None
    assert min(event.target) > 0
    assert event.would_change.endswith("instead of cheerful ones.")
    assert event.least_change is not None
    assert event.least_change.quadrant == "Q1"
    assert 0 < event.least_change.share < event.least_change.rises_to <= 1


def test_a_point_is_where_songs_are_chosen_for_and_no_face_would_change_that(
    library: Library,
) -> None:
    for event in (
        answered(request(point=(0.1, -0.9)), library),
        answered(request(mood="tired"), library),
    ):
        assert event.target is not None
        assert event.target[1] == -0.9
        assert all(song.arousal < 0 for song in event.songs)
        assert event.would_change == ""
        assert event.least_change is None


def test_a_song_that_was_sent_away_does_not_come_back_at_once(answerer: Answerer) -> None:
    first = answerer.answer(window())
    assert first is not None
    sent_away = first.recommendation.songs[0].song
    feedback = Feedback(song=sent_away, kind=FeedbackKind.NOT_NOW)
    assert answerer.answer(request(feedback=feedback)) is not None
    again = answerer.answer(request(mood="happy", count=50))
    assert again is not None
    assert sent_away not in {song.song for song in again.recommendation.songs}


def test_a_log_that_cannot_be_written_costs_no_answer(answerer: Answerer, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as database, database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON recommendations"
            " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    made = answerer.answer(window())
    assert made is not None
    assert len(made.recommendation.songs) == 5
    assert answerer.log_problem is not None
    assert answerer.log_problem.endswith("the disk is full")
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as database, database:
        database.execute("DROP TRIGGER full")
    assert answerer.answer(window()) is not None
    assert answerer.log_problem is None
