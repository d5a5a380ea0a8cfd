import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from recommender_harness import HAPPY, RULES, SAD, window

from moodcue.events import EmotionWindow, Guidance, HoldReason, Mode
from moodcue.taxonomy import EMOTIONS, dominant_emotion, vector_from_mapping
from moodcue_recommender.modes import GOALS, came_nearer, next_target
from moodcue_recommender.rooms import Room, after_window, holds_on, wanted, with_mode
from moodcue_recommender.vectors import Point

ROOM = RULES.room
BARELY_SAD = vector_from_mapping({"sadness": 0.4, "happiness": 0.3, "neutral": 0.3})
CALMER = vector_from_mapping({"sadness": 0.3, "neutral": 0.7})
coordinate = st.floats(-1, 1)
points = st.tuples(coordinate, coordinate)


def after(room: Room, *windows: EmotionWindow) -> Room:
    for each in windows:
        room = after_window(room, each, ROOM)
        room = replace(room, answered=wanted(room) or room.answered)
    return room


def emotion_of(room: Room) -> str:
    seven = wanted(room)
    assert seven is not None
    return dominant_emotion(seven)


def test_a_new_emotion_turns_the_songs_only_when_it_lasts() -> None:
    room = after(Room(), window())
    for _ in range(ROOM.dwell_windows - 1):
        room = after(room, window(probabilities=BARELY_SAD))
        assert emotion_of(room) == "happiness"
        assert room.mood is not None
        assert room.mood.turning == "sadness"
    room = after(room, window(probabilities=BARELY_SAD))

    assert emotion_of(room) == "sadness"
    assert room.mood is not None
    assert room.mood.turning == ""


def test_an_emotion_that_comes_and_goes_never_turns_the_songs() -> None:
    room = after(Room(), window())
    for _ in range(5):
        room = after(room, window(probabilities=BARELY_SAD), window())
        assert emotion_of(room) == "happiness"


def test_one_window_that_shows_another_emotion_clearly_turns_the_songs() -> None:
    assert emotion_of(after(Room(), window(), window(probabilities=SAD))) == "sadness"


def test_after_a_pause_the_songs_turn_at_once() -> None:
    nobody = window(probabilities=None, hold=HoldReason.NOBODY)
    room = after(Room(), window(), nobody, window(probabilities=BARELY_SAD))

    assert wanted(after(Room(), window(), nobody)) is None
    assert emotion_of(room) == "sadness"


def test_songs_keep_while_the_mood_holds() -> None:
    first = after(Room(), window())
    doubtful = after(first, window(probabilities=BARELY_SAD))
    turned = after(doubtful, window(probabilities=SAD))

    assert not holds_on(Room(), first)
    assert holds_on(first, after(first, window()))
    assert holds_on(first, doubtful)
    assert not holds_on(doubtful, turned)


@pytest.mark.parametrize("mode", GOALS)
def test_a_mode_leads_from_the_listener_to_its_goal_step_by_step(mode: Mode) -> None:
    room = with_mode(after(Room(), window(probabilities=SAD)), mode, ROOM)
    assert room.mood is not None
    assert room.mood.aim is not None
    way: list[Point] = [room.mood.aim]
    while room.target is not None and way[-1] != GOALS[mode]:
        way.append(room.target)
        room = after(room, window(probabilities=SAD))

    distances = [((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 for a, b in pairwise(way)]
    assert len(way) > 5
    assert distances[:-1] == pytest.approx([ROOM.step] * (len(distances) - 1))
    assert distances[-1] <= ROOM.step + 1e-9
    assert way[-1] == GOALS[mode]


def test_match_leads_nowhere_and_counts_nothing() -> None:
    room = after(with_mode(Room(), Mode.MATCH, ROOM), *[window()] * 3)

    assert (room.target, room.guidance) == (None, Guidance())


def test_hold_keeps_the_mood_of_the_moment_whatever_faces_do() -> None:
    room = with_mode(after(Room(), window()), Mode.HOLD, ROOM)
    nobody = window(probabilities=None, hold=HoldReason.NOBODY)
    sure = window(probabilities=SAD, confidence=1.0)
    room = after(room, sure, nobody, sure, sure)

    assert wanted(room) == HAPPY
    assert wanted(with_mode(room, Mode.MATCH, ROOM)) == SAD


def test_whether_a_face_followed_is_counted_also_when_it_did_not() -> None:
    room = with_mode(after(Room(), window(probabilities=SAD)), Mode.LIFT, ROOM)
    room = after(room, window(probabilities=CALMER))
    assert room.guidance == Guidance(steps=1, followed=1)
    room = after(room, window(probabilities=CALMER))
    room = after(room, window(probabilities=SAD))
    assert room.guidance == Guidance(steps=3, followed=1, not_followed=2)


def test_a_face_that_wanders_without_a_direction_follows_half_of_the_time() -> None:
    chance = random.Random(1)
    room = with_mode(Room(), Mode.CALM, ROOM)
    for _ in range(2001):
        wandering = vector_from_mapping({name: chance.random() for name in EMOTIONS})
        room = after(room, window(probabilities=wandering))

    assert room.guidance.steps == 2000
    assert room.guidance.followed == pytest.approx(1000, abs=70)


def test_a_window_without_anybody_says_nothing_of_who_follows() -> None:
    nobody = window(probabilities=None, hold=HoldReason.NOBODY)
    room = with_mode(after(Room(), window(probabilities=SAD)), Mode.LIFT, ROOM)
    room = after(room, nobody, window(probabilities=CALMER))

    assert room.guidance == Guidance()


def test_setting_a_mode_begins_its_way_and_its_count_anew() -> None:
    room = with_mode(after(Room(), window(probabilities=SAD)), Mode.LIFT, ROOM)
    first = room.target
    room = after(room, *[window(probabilities=SAD)] * 4)
    again = with_mode(room, Mode.LIFT, ROOM)

    assert room.guidance.steps == 4
    assert (again.target, again.guidance) == (first, Guidance())


@given(points, points, st.floats(0.01, 3))
def test_a_step_never_leaves_the_plane_nor_goes_away_from_the_goal(
    place: Point, goal: Point, step: float
) -> None:
    target = next_target(place, goal, step=step)

    assert all(-1 - 1e-9 <= value <= 1 + 1e-9 for value in target)
    assert target == goal or came_nearer(goal, before=place, now=target)
