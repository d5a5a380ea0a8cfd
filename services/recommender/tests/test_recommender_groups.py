from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommender_harness import HAPPY, SAD, window

from moodcue.events import EmotionWindow, HoldReason, TrackEmotion
from moodcue_recommender.groups import GroupPolicy, disagreement_of, gather, least_misery
from moodcue_recommender.rooms import Room, RoomRules, after_window

MEAN = tuple((a + b) / 2 for a, b in zip(HAPPY, SAD, strict=True))
OTHERS = [GroupPolicy.LEAST_MISERY, GroupPolicy.TAKE_TURNS, GroupPolicy.LEAD]
weights = st.lists(st.floats(0.01, 1), min_size=7, max_size=7)


def person(track: int, probabilities: tuple[float, ...], *, frames: int = 60) -> TrackEmotion:
    return TrackEmotion(
        track=track, probabilities=probabilities, frames=frames, weight=1, box=(0, 0, 9, 9)
    )


def seen(*tracks: TrackEmotion, **changes: Any) -> EmotionWindow:
    return window(**{"tracks": tracks, "probabilities": MEAN, **changes})


TWO = seen(person(1, HAPPY), person(2, SAD))


def test_the_mean_is_the_vector_of_the_window() -> None:
    group = gather(TWO, GroupPolicy.MEAN)

    assert (group.probabilities, group.people, group.leader) == (MEAN, 2, 0)


def test_who_leads_is_who_was_there_first_until_they_leave() -> None:
    assert gather(TWO, GroupPolicy.LEAD).probabilities == HAPPY
    assert gather(TWO, GroupPolicy.LEAD, leader=2).leader == 2
    three = seen(person(3, HAPPY), person(4, SAD))
    assert gather(three, GroupPolicy.LEAD, leader=2).leader == 3


def test_turns_go_round() -> None:
    rules = RoomRules(
        dwell_windows=9,
        clear_lead=1,
        step=0.1,
        group=GroupPolicy.TAKE_TURNS,
        turn_windows=2,
    )
    room, led = Room(), []
    for _ in range(6):
        room = after_window(room, TWO, rules)
        assert room.mood is not None
        assert room.mood.probabilities == (HAPPY, SAD)[room.mood.leader - 1]
        led.append(room.mood.leader)

    assert led == [1, 1, 2, 2, 1, 1]


@given(st.lists(weights, min_size=1, max_size=5))
def test_least_misery_fits_the_worst_off_better_than_any_of_the_people_or_their_mean(
    people: list[list[float]],
) -> None:
    units = np.array(people) / np.linalg.norm(people, axis=1, keepdims=True)

    def worst(mood: Any) -> float:
        unit = np.asarray(mood) / np.linalg.norm(mood)
        return float((units @ unit).min())

    found = least_misery(people)

    assert sum(found) == pytest.approx(1)
    for other in [*units, units.mean(axis=0)]:
        assert worst(found) >= worst(other) - 0.02


def test_people_who_disagree_are_held_by_the_mean_alone() -> None:
    torn = seen(person(1, HAPPY), person(2, SAD), probabilities=None, hold=HoldReason.DISAGREEMENT)

    assert gather(torn, GroupPolicy.MEAN).hold is HoldReason.DISAGREEMENT
    for policy in OTHERS:
        assert gather(torn, policy).hold is None
        assert gather(torn, policy).probabilities is not None


@pytest.mark.parametrize("policy", GroupPolicy)
def test_every_other_hold_stands(policy: GroupPolicy) -> None:
    dark = seen(person(1, HAPPY), probabilities=None, hold=HoldReason.TOO_DARK)

    assert gather(dark, policy).hold is HoldReason.TOO_DARK


@pytest.mark.parametrize("policy", GroupPolicy)
def test_a_passer_by_does_not_count(policy: GroupPolicy) -> None:
    group = gather(seen(person(1, HAPPY), person(2, SAD, frames=3)), policy)

    assert (group.people, group.disagreement) == (1, 0)


def test_disagreement_goes_from_none_to_complete() -> None:
    certain = [tuple(float(i == j) for j in range(7)) for i in range(3)]

    assert disagreement_of([]) == disagreement_of([HAPPY]) == 0
    assert disagreement_of([HAPPY, HAPPY]) == pytest.approx(0)
    assert 0 < disagreement_of([HAPPY, MEAN]) < disagreement_of([HAPPY, SAD]) < 1
    assert disagreement_of(certain) == pytest.approx(1)


@given(st.lists(weights, min_size=2, max_size=5))
def test_disagreement_is_the_mean_of_all_pairs(people: list[list[float]]) -> None:
    pairs = [disagreement_of(pair) for pair in combinations(people, 2)]

    assert disagreement_of(people) == pytest.approx(sum(pairs) / len(pairs))
    assert all(0 <= value <= 1 for value in pairs)
