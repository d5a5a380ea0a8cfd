from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recommender_harness import SAD, opened_answerer, request, window

from moodcue.events import Feedback, FeedbackKind, HoldReason, Mode, Recommendation
from moodcue.moods import POINT_WORDS
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.answers import Answer
from moodcue_recommender.sample_library import random_songs, write_library
from moodcue_recommender.wishes import Question


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_library(tmp_path / "index", random_songs(60), generation="first")
    return tmp_path


@pytest.fixture
def answerer(folder: Path) -> Iterator[Answerer]:
    with opened_answerer(folder) as opened:
        yield opened


def made(answerer: Answerer, question: Question) -> Answer:
    answer = answerer.answer(question)
    assert answer is not None
    return answer


def ask(answerer: Answerer, question: Question) -> Recommendation:
    return made(answerer, question).recommendation


def test_a_mode_lasts_until_another_is_set_in_its_room_alone(answerer: Answerer) -> None:
    assert ask(answerer, window(probabilities=SAD)).mode is Mode.MATCH
    ask(answerer, request(mode=Mode.LIFT))

    assert ask(answerer, window(probabilities=SAD)).mode is Mode.LIFT
    assert ask(answerer, window(camera="hall")).mode is Mode.MATCH
    assert ask(answerer, request(mode=Mode.MATCH)).mode is Mode.MATCH
    assert ask(answerer, window(probabilities=SAD)).mode is Mode.MATCH


def test_a_mode_its_way_and_its_count_survive_a_restart(folder: Path) -> None:
    with opened_answerer(folder) as answerer:
        ask(answerer, window(probabilities=SAD))
        ask(answerer, request(mode=Mode.LIFT))
        before = ask(answerer, window(probabilities=SAD))
    with opened_answerer(folder) as answerer:
        after = ask(answerer, window(probabilities=SAD))

    assert before.guidance is not None
    assert after.guidance is not None
    assert (before.guidance.steps, after.guidance.steps) == (1, 2)
    assert before.target is not None
    assert after.target is not None
    assert after.target[0] > before.target[0]


def test_a_mode_is_answered_with_songs_for_the_latest_window(answerer: Answerer) -> None:
    seen = window(probabilities=SAD, start=3, end=18)
    ask(answerer, seen)
    wish = request(mode=Mode.CALM, count=7)
    answer = ask(answerer, wish)

    assert (answer.window, answer.request) == (seen.id, wish.id)
    assert (answer.window_start, answer.window_end, answer.confidence) == (3, 18, 0.7)
    assert (answer.mode, answer.probabilities, len(answer.songs)) == (Mode.CALM, SAD, 7)
    assert answer.place != answer.target


def test_a_mode_before_the_first_window_waits_for_it(answerer: Answerer) -> None:
    answer = ask(answerer, request(mode=Mode.CALM))

    assert (answer.hold, answer.songs) == (HoldReason.NOBODY, ())
    assert "next window" in answer.detail
    assert ask(answerer, window()).mode is Mode.CALM


def test_a_mood_by_hand_is_answered_at_its_place_whatever_the_mode(answerer: Answerer) -> None:
    ask(answerer, window())
    ask(answerer, request(mode=Mode.ENERGISE))
    answer = ask(answerer, request(mood="calm"))

    assert answer.mode is Mode.MATCH
    assert answer.place == POINT_WORDS["calm"]
    assert answer.window == ""


def test_a_mood_with_a_mode_leads_from_the_one_to_the_other_once(answerer: Answerer) -> None:
    ask(answerer, window())
    answer = ask(answerer, request(point=(-0.6, -0.4), mode=Mode.LIFT))

    assert (answer.mode, answer.place) == (Mode.LIFT, (-0.6, -0.4))
    assert answer.target is not None
    assert answer.target[0] > -0.6
    assert ask(answerer, window()).mode is Mode.MATCH


def test_after_a_mood_by_hand_the_next_window_goes_on_as_before(answerer: Answerer) -> None:
    before = ask(answerer, window())
    by_hand = ask(answerer, request(mood="sad"))
    after = ask(answerer, window())

    assert (before.emotion, by_hand.emotion, after.emotion) == (
        "happiness",
        "sadness",
        "happiness",
    )
    assert (by_hand.keep, after.keep) == (False, False)
    assert ask(answerer, window()).keep


def test_without_a_camera_a_mode_leads_on_from_the_mood_set_by_hand(answerer: Answerer) -> None:
    ask(answerer, request(mood="sad", camera="manual"))
    answer = ask(answerer, request(mode=Mode.LIFT, camera="manual"))

    assert (answer.hold, answer.emotion, answer.mode) == (None, "sadness", Mode.LIFT)


def test_a_leading_mode_says_whether_the_face_followed(answerer: Answerer) -> None:
    ask(answerer, window(probabilities=SAD))
    ask(answerer, request(mode=Mode.LIFT))
    calmer = (0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5)

    assert made(answerer, window(probabilities=calmer)).followed is True
    assert made(answerer, window(probabilities=SAD)).followed is False
    assert made(answerer, request(mode=Mode.MATCH)).followed is None
    assert made(answerer, window(probabilities=calmer)).followed is None


def test_who_opts_out_leaves_nothing_behind(answerer: Answerer) -> None:
    ask(answerer, window(probabilities=SAD))
    answer = ask(answerer, request(opt_out=1))

    assert (answer.hold, answer.probabilities, answer.place) == (HoldReason.NOBODY, None, None)
    assert ask(answerer, window()).emotion == "happiness"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "not none"),
        ({"mood": "sad", "point": (0.0, 0.0)}, "not mood and mood"),
        ({"mode": Mode.LIFT, "opt_out": 1}, "not mode and opt_out"),
        ({"mood": "sad", "mode": Mode.LIFT, "reset_taste": True}, "not mood and reset_taste"),
        (
            {"feedback": Feedback(song="00000000000000ff", kind=FeedbackKind.LIKE)},
            "no song 00000000000000ff in the library",
        ),
    ],
)
def test_a_wish_that_makes_no_sense_changes_nothing(
    answerer: Answerer, wish: dict[str, Any], said: str
) -> None:
    before = ask(answerer, window())
    answer = ask(answerer, request(**wish))

    assert answer.hold is HoldReason.NOT_UNDERSTOOD
    assert said in answer.detail
    after = ask(answerer, window())
    assert (after.mode, after.emotion, after.keep) == (before.mode, before.emotion, True)
