import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moodcue.codec import decode_event, encode
from moodcue.events import (
    Box,
    EmotionWindow,
    Face,
    FaceEmotion,
    FaceProblem,
    FrameStatus,
    HoldReason,
)
from moodcue.identity import NS_PER_SECOND
from moodcue.taxonomy import EMOTIONS, dominant_emotion, vector_from_mapping
from moodcue_aggregator.summary import HoldRules, distance, summarise, window_id
from moodcue_aggregator.tracks import TrackRules
from moodcue_aggregator.window import WindowRules, Windows

S = NS_PER_SECOND
RULES = HoldRules(
    min_coverage=0.2, min_confidence=0.3, disagreement_distance=0.6, majority_share=0.6
)
LEFT, RIGHT = (50, 100, 100, 100), (400, 100, 100, 100)


def face(
    emotion: str = "happiness",
    *,
    share: float = 0.8,
    box: Box = LEFT,
    score: float = 1.0,
    problem: FaceProblem | None = None,
    frontality: float = 1.0,
) -> Face:
    rest = (1 - share) / 6
    weights = dict.fromkeys(EMOTIONS, rest) | {emotion: share}
    vector = None if problem else vector_from_mapping(weights)
    return Face(box=box, score=score, probabilities=vector, problem=problem, frontality=frontality)


def frame(number: int, *faces: Face) -> FaceEmotion:
    return FaceEmotion(
        id=f"answer-{number}",
        source="fer/1",
        seq=number + 1,
        time=number * S // 5,
        trace=f"trace-{number}",
        camera="kitchen",
        frame_id=f"frame-{number}",
        frame_seq=number + 1,
        rate=5,
        width=640,
        height=480,
        status=FrameStatus.OK if faces else FrameStatus.NO_FACE,
        faces=faces,
    )


def summary(*frames: tuple[Face, ...], rules: HoldRules = RULES) -> EmotionWindow:
    """Summarise the 15-s window of these frames, five a second; absent ones never came."""
    windows = Windows(
        WindowRules(
            length=15 * S,
            lateness=0,
            idle_grace=0,
            tracks=TrackRules(silence=2 * S, memory=120 * S, max_remembered=16),
            max_cameras=1,
            max_frames=1000,
        )
    )
    for number, faces in enumerate(frames):
        assert windows.add(frame(number, *faces), now=0) == []
    closed = windows.tick(now=15 * S)
    window = summarise(closed[0], rules=rules, source="aggregator/1", seq=7)
    assert decode_event(encode(window)) == window
    return window


def test_a_steady_face_gives_its_vector_with_full_coverage() -> None:
    window = summary(*[(face(),)] * 75)
    assert window.probabilities == pytest.approx(face().probabilities)
    assert (window.frames_expected, window.frames_seen, window.frames_with_face) == (75, 75, 75)
    assert (window.coverage, window.hold) == (1.0, None)
    assert (window.time, window.source, window.seq) == (15 * S, "aggregator/1", 7)


def test_the_vector_is_weighted_by_face_size_and_detector_score() -> None:
    big = face("happiness", share=1.0, box=(0, 0, 200, 200), score=0.5)
    small = face("neutral", share=1.0, box=(400, 0, 100, 100), score=1.0)
    window = summary(*[(big, small)] * 75)
    assert window.probabilities is not None
    assert window.probabilities[EMOTIONS.index("happiness")] == pytest.approx(2 / 3)
    assert window.probabilities[EMOTIONS.index("neutral")] == pytest.approx(1 / 3)
    assert [track.track for track in window.tracks] == [1, 2]
    assert window.tracks[0].weight == pytest.approx(75 * 200 * 200 / (640 * 480) * 0.5)
    assert window.tracks[1].probabilities == pytest.approx(small.probabilities)


def test_a_face_in_half_profile_weighs_half() -> None:
    turned = face("happiness", share=1.0, frontality=0.5)
    straight = face("neutral", share=1.0, box=RIGHT)
    window = summary(*[(turned, straight)] * 75)
    assert window.probabilities is not None
    assert window.probabilities[EMOTIONS.index("happiness")] == pytest.approx(1 / 3)
    assert window.tracks[1].weight == pytest.approx(75 * 100 * 100 / (640 * 480) * 0.5)


def test_coverage_counts_frames_with_a_read_face() -> None:
    window = summary(*[(face(),)] * 30, *[()] * 20)
    assert (window.frames_seen, window.frames_with_face) == (50, 30)
    assert window.coverage == pytest.approx(30 / 75)


def test_confidence_is_the_geometric_mean_of_concentration_agreement_and_coverage() -> None:
    certain, unsure = face(share=1.0), face(share=0.4)
    window = summary(*[(certain,)] * 30, *[(unsure,)] * 30)
    concentration = (0.7 - 1 / 7) / (6 / 7)
    agreement = 1 - 0.3
    assert window.confidence == pytest.approx(math.cbrt(concentration * agreement * 60 / 75))


def test_confidence_ends_at_one_and_at_zero() -> None:
    assert summary(*[(face(share=1.0),)] * 75).confidence == 1.0
    flat = summary(*[(face(share=1 / 7),)] * 75)
    assert flat.confidence == pytest.approx(0, abs=1e-4)
    assert (flat.hold, flat.probabilities) == (HoldReason.LOW_CONFIDENCE, None)


def test_frames_without_any_face_hold_with_nobody() -> None:
    window = summary(*[()] * 75)
    assert (window.hold, window.probabilities, window.tracks) == (HoldReason.NOBODY, None, ())
    assert (window.coverage, window.confidence, window.frames_seen) == (0, 0, 75)


def test_a_camera_that_stopped_early_holds_with_too_few_frames() -> None:
    assert summary(*[()] * 10).hold is HoldReason.TOO_FEW_FRAMES
    assert summary(*[(face(),)] * 14).hold is HoldReason.TOO_FEW_FRAMES
    assert summary(*[(face(),)] * 15, *[()] * 60).hold is None


def test_a_face_that_is_there_too_rarely_holds_with_too_few_frames() -> None:
    assert summary(*[(face(),)] * 14, *[()] * 61).hold is HoldReason.TOO_FEW_FRAMES


def test_faces_too_small_to_be_read_hold_with_too_few_frames() -> None:
    window = summary(*[(face(problem=FaceProblem.TOO_SMALL),)] * 75)
    assert (window.hold, window.frames_with_face) == (HoldReason.TOO_FEW_FRAMES, 0)


def test_faces_mostly_in_the_dark_hold_with_too_dark() -> None:
    dark = face(problem=FaceProblem.TOO_DARK)
    assert summary(*[(dark,)] * 40, *[(face(),)] * 35).hold is HoldReason.TOO_DARK
    assert summary(*[(dark,)] * 35, *[(face(),)] * 40).hold is None


def test_someone_in_the_dark_behind_a_lit_face_does_not_hold() -> None:
    dark = face(box=RIGHT, problem=FaceProblem.TOO_DARK)
    window = summary(*[(face(), dark)] * 75)
    assert (window.hold, len(window.tracks)) == (None, 1)


def test_faces_mostly_turned_away_hold_with_turned_away() -> None:
    turned = face(problem=FaceProblem.TURNED_AWAY, frontality=0.1)
    assert summary(*[(turned,)] * 40, *[(face(),)] * 35).hold is HoldReason.TURNED_AWAY
    assert summary(*[(turned,)] * 35, *[(face(),)] * 40).hold is None


def test_turned_away_counts_frames_with_faces_only() -> None:
    turned = face(problem=FaceProblem.TURNED_AWAY)
    assert summary(*[(turned,)] * 20, *[()] * 55).hold is HoldReason.TURNED_AWAY


def test_someone_turned_away_beside_a_read_face_does_not_hold() -> None:
    turned = face(box=RIGHT, problem=FaceProblem.TURNED_AWAY)
    window = summary(*[(face(), turned)] * 75)
    assert (window.hold, len(window.tracks)) == (None, 1)


def test_two_people_who_differ_hold_and_are_both_reported() -> None:
    window = summary(*[(face("happiness"), face("sadness", box=RIGHT))] * 75)
    assert (window.hold, window.probabilities) == (HoldReason.DISAGREEMENT, None)
    moods = [dominant_emotion(track.probabilities) for track in window.tracks]
    assert sorted(moods) == ["happiness", "sadness"]
    assert [track.frames for track in window.tracks] == [75, 75]


def test_two_people_of_one_mood_do_not_hold() -> None:
    window = summary(*[(face(), face(share=0.6, box=RIGHT))] * 75)
    assert (window.hold, len(window.tracks)) == (None, 2)


def test_a_majority_by_weight_decides() -> None:
    near, far = face("happiness", box=(0, 0, 250, 250)), face("sadness", box=RIGHT)
    assert summary(*[(near, far)] * 75).hold is None
    two_to_one = (face(), face(box=RIGHT), face("sadness", box=(250, 300, 100, 100)))
    assert summary(*[two_to_one] * 75).hold is None


def test_a_passer_by_does_not_count_as_disagreement() -> None:
    passing = (face(), face("sadness", box=RIGHT))
    assert summary(*[passing] * 14, *[(face(),)] * 61).hold is None


def test_a_person_lost_and_found_in_another_mood_does_not_disagree_with_itself() -> None:
    before, after = (face("sadness", share=1.0),), (face("happiness", share=1.0),)
    window = summary(*[before] * 30, *[()] * 15, *[after] * 30)
    assert len(window.tracks) == 2
    assert window.hold is not HoldReason.DISAGREEMENT


def test_the_thresholds_are_those_of_the_rules() -> None:
    strict = HoldRules(
        min_coverage=0.2, min_confidence=0.95, disagreement_distance=0.1, majority_share=1.0
    )
    assert summary(*[(face(),)] * 75, rules=strict).hold is HoldReason.LOW_CONFIDENCE
    pair = (face(share=1.0), face(share=0.8, box=RIGHT))
    assert summary(*[pair] * 75, rules=strict).hold is HoldReason.DISAGREEMENT


def test_the_trace_is_that_of_the_frame_that_weighed_most() -> None:
    heavy = face(box=(0, 0, 130, 130))
    frames = [(heavy,) if number == 33 else (face(),) for number in range(75)]
    assert summary(*frames).trace == "trace-33"


def test_the_id_depends_on_camera_start_and_end_only() -> None:
    window = summary(*[(face(),)] * 75)
    assert window.id == summary(()).id == window_id("kitchen", start=0, end=15 * S)
    others = {
        window_id("hall", start=0, end=15 * S),
        window_id("kitchen", start=1, end=15 * S),
        window_id("kitchen", start=0, end=16 * S),
    }
    assert len(others | {window.id}) == 4
    assert len(window.id) == 32


def test_faces_without_weight_are_not_read() -> None:
    assert summary(*[(face(score=0.0),)] * 75).hold is HoldReason.TOO_FEW_FRAMES


vectors = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda p: sum(p) > 0)
boxes = st.tuples(
    st.integers(-50, 600), st.integers(-50, 400), st.integers(1, 900), st.integers(1, 900)
)
faces = st.builds(
    lambda box, score, frontality, vector: Face(
        box=box, score=score, frontality=frontality, probabilities=tuple(vector)
    ),
    boxes,
    st.floats(0, 1),
    st.floats(0, 1),
    vectors,
)


@settings(deadline=None)
@given(st.lists(st.lists(faces, max_size=3).map(tuple), min_size=1, max_size=20))
def test_whatever_the_faces_the_event_keeps_the_contract(drawn: list[tuple[Face, ...]]) -> None:
    free = HoldRules(min_coverage=0, min_confidence=0, disagreement_distance=1, majority_share=0.5)
    window = summary(*drawn, rules=free)
    assert (window.hold is None) == (window.probabilities is not None)
    if window.probabilities is not None:
        assert math.fsum(window.probabilities) == pytest.approx(1)


@settings(deadline=None)
@given(vectors, vectors)
def test_the_distance_is_between_zero_and_one(one: list[float], other: list[float]) -> None:
    p, q = ([x / sum(vector) for x in vector] for vector in (one, other))
    assert 0 <= distance(p, q) <= 1
    assert distance(p, p) == 0
