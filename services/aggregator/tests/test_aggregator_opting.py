from collections.abc import Iterable
from typing import Any

import pytest

from moodcue.events import (
    Box,
    EmotionWindow,
    Face,
    FaceEmotion,
    FrameStatus,
    HoldReason,
    OptedOut,
    RecommendationRequest,
)
from moodcue.identity import NS_PER_SECOND
from moodcue.taxonomy import vector_from_mapping
from moodcue_aggregator.opting import OptOuts
from moodcue_aggregator.summary import HoldRules, summarise
from moodcue_aggregator.window import ClosedWindow

LEFT, RIGHT = (50, 100, 100, 100), (400, 100, 100, 100)
HAPPY = vector_from_mapping({"happiness": 1})
SAD = vector_from_mapping({"sadness": 1})
RULES = HoldRules(
    min_coverage=0.2, min_confidence=0.3, disagreement_distance=0.6, majority_share=0.6
)
Person = tuple[int | None, Box, tuple[float, ...]]
ANNA: Person = (1, LEFT, HAPPY)
BERT: Person = (2, RIGHT, SAD)


def window(*people: Person, camera: str = "kitchen") -> ClosedWindow:
    frame = FaceEmotion(
        id="answer",
        source="fer/1",
        seq=1,
        time=0,
        trace="trace",
        camera=camera,
        frame_id="frame",
        frame_seq=1,
        rate=1,
        width=640,
        height=480,
        status=FrameStatus.OK,
        faces=tuple(Face(box=box, score=1, probabilities=vector) for _, box, vector in people),
    )
    numbers = tuple(number for number, _, _ in people)
    return ClosedWindow(
        camera=camera,
        start=0,
        end=4 * NS_PER_SECOND,
        rate=1,
        frames=(frame,) * 4,
        people=(numbers,) * 4,
    )


def request(*, camera: str = "kitchen", **wish: Any) -> RecommendationRequest:
    return RecommendationRequest(
        id="r", source="gateway/1", seq=1, time=0, trace="t", camera=camera, **wish
    )


def summary(opt_outs: OptOuts, closed: ClosedWindow) -> EmotionWindow:
    kept, opted_out = opt_outs.applied(closed)
    return summarise(kept, rules=RULES, source="aggregator/1", seq=1, opted_out=opted_out)


@pytest.fixture
def opt_outs() -> OptOuts:
    return OptOuts(max_cameras=4)


def test_of_who_opted_out_nothing_is_used(opt_outs: OptOuts) -> None:
    alone = summary(opt_outs, window(BERT))
    opt_outs.take(request(opt_out=1))
    without = summary(opt_outs, window(ANNA, BERT))

    assert [person.track for person in without.tracks] == [2]
    assert without.probabilities == alone.probabilities
    assert without.confidence == alone.confidence
    assert without.opted_out == (OptedOut(track=1, box=LEFT),)


def test_a_room_with_nobody_else_is_empty(opt_outs: OptOuts) -> None:
    opt_outs.take(request(opt_out=1))
    left = summary(opt_outs, window(ANNA))

    assert (left.hold, left.frames_with_face, left.tracks) == (HoldReason.NOBODY, 0, ())


def test_a_face_that_may_be_theirs_is_left_out_too(opt_outs: OptOuts) -> None:
    unknown: Person = (None, LEFT, HAPPY)
    assert summary(opt_outs, window(unknown)).frames_with_face == 4
    opt_outs.take(request(opt_out=1))

    assert summary(opt_outs, window(unknown)).frames_with_face == 0


def test_who_opts_in_again_counts_again(opt_outs: OptOuts) -> None:
    before = summary(opt_outs, window(ANNA, BERT))
    opt_outs.take(request(opt_out=1))
    opt_outs.take(request(opt_in=1))

    assert summary(opt_outs, window(ANNA, BERT)) == before


def test_an_opt_out_is_of_one_camera(opt_outs: OptOuts) -> None:
    opt_outs.take(request(opt_out=1, camera="hall"))

    assert summary(opt_outs, window(ANNA)).opted_out == ()
    assert summary(opt_outs, window(ANNA, camera="hall")).hold is HoldReason.NOBODY


def test_the_last_place_of_who_opted_out_stays_known_while_they_are_away(
    opt_outs: OptOuts,
) -> None:
    opt_outs.take(request(opt_out=1))
    summary(opt_outs, window(ANNA, BERT))

    assert summary(opt_outs, window(BERT)).opted_out == (OptedOut(track=1, box=LEFT),)


def test_a_restart_goes_on_without_them(opt_outs: OptOuts) -> None:
    opt_outs.take(request(opt_out=1))
    past = summary(opt_outs, window(ANNA, BERT))
    later = OptOuts(max_cameras=4)
    later.restore([past])

    assert summary(later, window(ANNA, BERT)) == past


def test_opt_outs_are_bounded_and_those_who_fall_out_are_counted(opt_outs: OptOuts) -> None:
    def ask_all(cameras: Iterable[str], people: int) -> None:
        for camera in cameras:
            for track in range(1, people + 1):
                opt_outs.take(request(opt_out=track, camera=camera))

    ask_all(["kitchen"], 40)
    assert opt_outs.forgotten == 8
    ask_all(["a", "b", "c", "d"], 1)
    assert opt_outs.forgotten == 8 + 32
    assert summary(opt_outs, window(ANNA)).opted_out == ()
