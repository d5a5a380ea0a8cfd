"""Every event that crosses the bus: one frozen class each, a tagged map on the wire.

New fields get defaults, unknown fields are ignored by readers, and a breaking change is a new tag.
"""

from moodcue.events.event import (
    Box,
    Event,
    Name,
    Nanoseconds,
    Point,
    Probability,
    Quadrant,
    Seven,
    SignedUnit,
    SongKey,
    Track,
)
from moodcue.events.frames import Face, FaceEmotion, FaceProblem, Frame, FrameStatus
from moodcue.events.recommendations import (
    Guidance,
    LeastChange,
    Mode,
    Recommendation,
    RecommendationRequest,
    SongMatch,
)
from moodcue.events.system import IndexPublished, ServiceState, Status
from moodcue.events.taste import Feedback, FeedbackKind, Liking, Taste, TasteEntry, TasteSubject
from moodcue.events.windows import (
    MIN_PRESENCE,
    EmotionWindow,
    HoldReason,
    OptedOut,
    TrackEmotion,
)

__all__ = [
    "EVENT_TYPES",
    "MIN_PRESENCE",
    "AnyEvent",
    "Box",
    "EmotionWindow",
    "Event",
    "Face",
    "FaceEmotion",
    "FaceProblem",
    "Feedback",
    "FeedbackKind",
    "Frame",
    "FrameStatus",
    "Guidance",
    "HoldReason",
    "IndexPublished",
    "LeastChange",
    "Liking",
    "Mode",
    "Name",
    "Nanoseconds",
    "OptedOut",
    "Point",
    "Probability",
    "Quadrant",
    "Recommendation",
    "RecommendationRequest",
    "ServiceState",
    "Seven",
    "SignedUnit",
    "SongKey",
    "SongMatch",
    "Status",
    "Taste",
    "TasteEntry",
    "TasteSubject",
    "Track",
    "TrackEmotion",
]

EVENT_TYPES: tuple[type[Event], ...] = (
    Frame,
    FaceEmotion,
    EmotionWindow,
    Recommendation,
    RecommendationRequest,
    Taste,
    IndexPublished,
    Status,
)

AnyEvent = (
    Frame
    | FaceEmotion
    | EmotionWindow
    | Recommendation
    | RecommendationRequest
    | Taste
    | IndexPublished
    | Status
)
