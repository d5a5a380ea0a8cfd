"""One sample of every event and control message, as the golden files hold them."""

from typing import Any

import msgspec

from moodcue.control import (
    Control,
    ReplayEnd,
    ReplayRequest,
    WorkerBye,
    WorkerPing,
    WorkerReady,
)
from moodcue.events import (
    EmotionWindow,
    Event,
    Face,
    FaceEmotion,
    FaceProblem,
    Feedback,
    FeedbackKind,
    Frame,
    FrameStatus,
    Guidance,
    IndexPublished,
    LeastChange,
    Liking,
    Mode,
    Recommendation,
    RecommendationRequest,
    ServiceState,
    SongMatch,
    Status,
    Taste,
    TasteEntry,
    TasteSubject,
    TrackEmotion,
)

_TIME = 1_790_000_000_000_000_000
_HAPPY = (0.02, 0.01, 0.01, 0.8, 0.03, 0.03, 0.1)
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_FRAME = "01a0c3f0000011111111111111111111"
_WINDOW = "01a0c3f0000022222222222222222222"

SAMPLES: tuple[Event | Control, ...] = (
    Frame(
        id=_FRAME,
        source="camera/kitchen-a1b2c3",
        seq=7,
        time=_TIME,
        trace=_TRACE,
        camera="kitchen",
        width=640,
        height=480,
        rate=5.0,
    ),
    FaceEmotion(
        id="01a0c3f0000033333333333333333333",
        source="fer/worker-1-d4e5f6",
        seq=7,
        time=_TIME,
        trace=_TRACE,
        camera="kitchen",
        frame_id=_FRAME,
        frame_seq=7,
        rate=5.0,
        width=640,
        height=480,
        status=FrameStatus.OK,
        faces=(
            Face(
                box=(200, 120, 180, 180),
                score=0.9,
                probabilities=_HAPPY,
                sharpness=210.5,
                brightness=0.45,
            ),
            Face(box=(10, 10, 20, 20), score=0.6, problem=FaceProblem.TOO_SMALL),
        ),
        inference_seconds=0.006,
    ),
    EmotionWindow(
        id=_WINDOW,
        source="aggregator/living-room",
        seq=3,
        time=_TIME + 15_000_000_000,
        trace=_TRACE,
        camera="kitchen",
        start=_TIME,
        end=_TIME + 15_000_000_000,
        frames_expected=75,
        frames_seen=74,
        frames_with_face=70,
        coverage=0.93,
        confidence=0.71,
        probabilities=_HAPPY,
        tracks=(
            TrackEmotion(
                track=1,
                probabilities=_HAPPY,
                frames=70,
                weight=2_041_200.0,
                box=(200, 120, 180, 180),
            ),
        ),
    ),
    Recommendation(
        id="01a0c3f0000044444444444444444444",
        source="recommender/living-room",
        seq=3,
        time=_TIME + 15_000_000_000,
        trace=_TRACE,
        camera="kitchen",
        window=_WINDOW,
        emotion="happiness",
        confidence=0.71,
        probabilities=_HAPPY,
        songs=(
            SongMatch(
                song="00c0ffee00c0ffee",
                title="Morning on the Quay",
                artist="The Composer",
                path="quay/morning.mp3",
                score=0.97,
                emotions=(0.03, 0.02, 0.02, 0.7, 0.03, 0.1, 0.1),
                valence=0.6,
                arousal=0.5,
                contributions={"happiness": 0.95, "neutral": 0.02},
                reason="Its happiness answers yours.",
            ),
        ),
        generation="20261123T120000Z-0a1b2c",
        window_start=_TIME,
        window_end=_TIME + 15_000_000_000,
    ),
    RecommendationRequest(
        id="01a0c3f0000055555555555555555555",
        source="gateway/living-room-778899",
        seq=1,
        time=_TIME,
        trace=_TRACE,
        camera="manual",
        mood="calm",
        count=5,
    ),
    Taste(
        id="01a0c3f0000088888888888888888888",
        source="recommender/living-room",
        seq=2,
        time=_TIME,
        trace=_TRACE,
        camera="kitchen",
        entries=(
            TasteEntry(
                subject=TasteSubject.SONG,
                song="00c0ffee00c0ffee",
                title="Morning on the Quay",
                artist="The Composer",
                liking=Liking(mean=0.7, low=0.3, high=0.97),
                likes=1,
            ),
            TasteEntry(
                subject=TasteSubject.ARTIST,
                artist="The Composer",
                liking=Liking(mean=0.67, low=0.22, high=0.97),
                likes=1,
            ),
        ),
    ),
    IndexPublished(
        id="01a0c3f0000066666666666666666666",
        source="mer-indexer/living-room-001122",
        seq=1,
        time=_TIME,
        trace=_TRACE,
        generation="20261123T120000Z-0a1b2c",
        songs=36,
        model_sha256="0" * 64,
    ),
    Status(
        id="01a0c3f0000077777777777777777777",
        source="fer/worker-1-d4e5f6",
        seq=12,
        time=_TIME,
        trace=_TRACE,
        service="fer",
        instance="worker-1",
        version="0.1.0",
        state=ServiceState.RUNNING,
        started=_TIME - 12_000_000_000,
        counters={"frames_inferred": 60.0},
    ),
    WorkerReady(worker="fer/worker-1-d4e5f6", done=_FRAME),
    WorkerPing(worker="fer/worker-1-d4e5f6"),
    WorkerBye(worker="fer/worker-1-d4e5f6", done=_FRAME),
    ReplayRequest(topic="recommendation/kitchen/", after_seq=3),
    ReplayEnd(events=12, complete=True),
)


def _sample(tag: str) -> Any:
    return next(each for each in SAMPLES if each.__struct_config__.tag == tag)


_recommendation = _sample("recommendation.v1")
_request = msgspec.structs.replace(_sample("recommendation_request.v1"), mood=None)

GUIDED: Event = msgspec.structs.replace(
    _recommendation,
    songs=(
        msgspec.structs.replace(
            _recommendation.songs[0],
            fit_rank=3,
            moved_by="taste",
            repeated=True,
            uncertainty=0.2,
            liking=Liking(mean=0.7, low=0.3, high=0.97),
        ),
    ),
    mode=Mode.CALM,
    place=(-0.3, 0.5),
    target=(-0.1, 0.3),
    guidance=Guidance(steps=9, followed=5, not_followed=4),
    keep=True,
    turning="surprise",
    people=2,
    disagreement=0.4,
    leader=7,
    would_change="With fear at 9 % instead of 1 %, the songs would be tense ones.",
    least_change=LeastChange(
        emotion="fear", share=0.01, rises_to=0.09, quadrant="Q1", next_quadrant="Q2"
    ),
)
"""A recommendation with the fields that came after its version was published."""

REQUESTS: tuple[Event, ...] = tuple(
    msgspec.structs.replace(_request, **wish)
    for wish in (
        {"mode": Mode.LIFT},
        {"feedback": Feedback(song="00c0ffee00c0ffee", kind=FeedbackKind.NOT_NOW)},
        {"reset_taste": True},
        {"opt_out": 2},
        {"opt_in": 2},
    )
)
"""Every wish that came after the request's version was published."""
