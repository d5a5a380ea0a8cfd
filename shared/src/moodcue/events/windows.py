"""The emotion in front of a camera over some seconds."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.events.event import Box, Event, Name, Nanoseconds, Probability, Seven, Track
from moodcue.taxonomy import BASIC_7

MIN_PRESENCE = 0.2
"""Who is read in a smaller share of the frames with a face does not count as one of the people: a
passer-by, or what the detector took for a face."""


class HoldReason(StrEnum):
    """Why nothing is recommended."""

    NOBODY = "nobody"
    TOO_FEW_FRAMES = "too_few_frames"
    TOO_DARK = "too_dark"
    TURNED_AWAY = "turned_away"
    DISAGREEMENT = "disagreement"
    LOW_CONFIDENCE = "low_confidence"
    NO_INDEX = "no_index"
    NOT_UNDERSTOOD = "not_understood"


class TrackEmotion(msgspec.Struct, frozen=True, kw_only=True):
    """One person's share of a window."""

    track: Track
    probabilities: Seven
    frames: Annotated[int, Meta(ge=1)]
    weight: Annotated[float, Meta(ge=0, description="sum of face size x score x frontality")]
    box: Box


class OptedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A person who asked to be left out: only enough to leave them out again."""

    track: Track
    box: Box


class EmotionWindow(Event, frozen=True, kw_only=True, tag="emotion_window.v1"):
    """The emotion in front of one camera over [start, end). `time` is `end`.

    `trace` is that of the frame that weighed most. Where `hold` is set there is no vector to act
    on: `probabilities` is absent, never zeros.
    """

    camera: Name
    start: Nanoseconds
    end: Nanoseconds
    frames_expected: Annotated[int, Meta(ge=0)]
    frames_seen: Annotated[int, Meta(ge=0)]
    frames_with_face: Annotated[int, Meta(ge=0)]
    coverage: Annotated[float, Meta(ge=0, le=1, description="frames with a face / expected")]
    confidence: Probability
    probabilities: Seven | None = None
    tracks: tuple[TrackEmotion, ...] = ()
    labels: str = BASIC_7
    hold: HoldReason | None = None
    opted_out: Annotated[
        tuple[OptedOut, ...], Meta(description="people who are counted nowhere in the window")
    ] = ()
