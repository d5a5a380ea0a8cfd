"""Every event that crosses the bus: one frozen class each, a tagged map on the wire.

New fields get defaults, unknown fields are ignored by readers, and a breaking change is a new tag.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.taxonomy import BASIC_7

Probability = Annotated[float, Meta(ge=0, le=1)]
Nanoseconds = Annotated[int, Meta(ge=0, description="UTC, nanoseconds since 1970")]
Seven = Annotated[tuple[Probability, ...], Meta(min_length=7, max_length=7)]
SignedUnit = Annotated[float, Meta(ge=-1, le=1)]
Point = Annotated[tuple[SignedUnit, SignedUnit], Meta(description="valence, arousal")]
SongKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$", description="id of a song, 16 hex digits")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Track = Annotated[int, Meta(ge=1, description="number of a person, per camera")]
Box = Annotated[
    tuple[int, int, int, int],
    Meta(description="left, top, width, height in pixels of the frame"),
]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries."""

    id: Annotated[str, Meta(min_length=1, description="unique over all sources")]
    source: Annotated[str, Meta(min_length=1, description="service/instance that published it")]
    seq: Annotated[int, Meta(ge=1, description="counts from 1 per source and topic, no gaps")]
    time: Annotated[int, Meta(ge=0, description="capture time, UTC, ns since 1970")]
    trace: Annotated[str, Meta(description="32 hex digits that follow a frame to its songs")]


class Frame(Event, frozen=True, kw_only=True, tag="frame.v1"):
    """A picture of a camera; the JPEG is the body of the message."""

    camera: Name
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    rate: Annotated[float, Meta(gt=0, description="nominal frames per second of the camera")]
    encoding: str = "jpeg"


class FaceProblem(StrEnum):
    """Why a face that was found is not read."""

    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    TOO_BLURRED = "too_blurred"
    TURNED_AWAY = "turned_away"


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One face of a frame; `probabilities` is absent where a problem forbids a guess."""

    box: Box
    score: Annotated[float, Meta(ge=0, le=1, description="confidence of the detector")]
    probabilities: Seven | None = None
    sharpness: Annotated[float, Meta(ge=0, description="variance of the Laplacian")] = 0.0
    brightness: Annotated[float, Meta(ge=0, le=1, description="mean grey level")] = 0.0
    problem: FaceProblem | None = None
    size: Annotated[int, Meta(ge=0, description="side of the box in pixels of the frame")] = 0
    frontality: Annotated[
        float, Meta(ge=0, le=1, description="1 looks at the camera, 0 is a profile")
    ] = 1.0
    appearance: Annotated[
        tuple[float, ...],
        Meta(max_length=64, description="looks of a person, to tell people apart; no picture"),
    ] = ()


class FrameStatus(StrEnum):
    """What came of a frame."""

    OK = "ok"
    NO_FACE = "no_face"
    BAD_FRAME = "bad_frame"


class FaceEmotion(Event, frozen=True, kw_only=True, tag="face_emotion.v1"):
    """The faces of one frame. `time` and `trace` are those of the frame."""

    camera: Name
    frame_id: str
    frame_seq: Annotated[int, Meta(ge=1)]
    rate: Annotated[float, Meta(gt=0, description="nominal frames per second of the camera")]
    width: Annotated[int, Meta(ge=0)]
    height: Annotated[int, Meta(ge=0)]
    status: FrameStatus
    faces: tuple[Face, ...] = ()
    labels: str = BASIC_7
    detail: str = ""
    inference_seconds: Annotated[float, Meta(ge=0, description="decode to probabilities")] = 0.0


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


class Mode(StrEnum):
    """Which songs a mood asks for: those that match it, or those on a path to another one."""

    MATCH = "match"
    LIFT = "lift"
    CALM = "calm"
    ENERGISE = "energise"
    HOLD = "hold"


class FeedbackKind(StrEnum):
    """What a listener says of a song, or does with it."""

    LIKE = "like"
    DISLIKE = "dislike"
    SKIP = "skip"
    PLAYED = "played"
    NOT_NOW = "not_now"


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's word on one song."""

    song: SongKey
    kind: FeedbackKind


class Liking(msgspec.Struct, frozen=True, kw_only=True):
    """How much a song is liked as far as is known: a Beta distribution."""

    mean: Probability
    low: Annotated[float, Meta(ge=0, le=1, description="5th percentile")]
    high: Annotated[float, Meta(ge=0, le=1, description="95th percentile")]


class Guidance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the faces followed the songs of a mode, in windows since it was set."""

    steps: Annotated[int, Meta(ge=0, description="windows after which this could be told")] = 0
    followed: Annotated[
        int, Meta(ge=0, description="of these, the mood came nearer to where it leads")
    ] = 0
    not_followed: Annotated[int, Meta(ge=0, description="of these, it stayed or went away")] = 0


class SongMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A song of the listener's library and why it was chosen."""

    song: Annotated[str, Meta(description="stable id of the song, 16 hex digits")]
    title: str
    artist: str
    path: Annotated[str, Meta(description="relative to the music folder")]
    score: Annotated[float, Meta(ge=-1, le=1, description="how well it fits what was asked for")]
    emotions: Seven
    valence: SignedUnit
    arousal: SignedUnit
    contributions: Annotated[
        dict[str, float],
        Meta(description="each emotion's share of the score; sums to it; none for a point"),
    ] = {}
    reason: str = ""
    fit_rank: Annotated[int, Meta(ge=0, description="rank by fit alone, from 1; 0: not told")] = 0
    moved_by: Annotated[
        str, Meta(description="rule that moved it: memory, artist, variety, follows, taste")
    ] = ""
    uncertainty: Annotated[float, Meta(ge=0, description="of the song's emotions")] = 0.0
    liking: Annotated[Liking | None, Meta(description="of the room, where it has said so")] = None


class Recommendation(Event, frozen=True, kw_only=True, tag="recommendation.v1"):
    """Songs for a window or a request, best first; or a hold with its reason and no songs."""

    camera: Name
    window: Annotated[
        str, Meta(description="id of the emotion window; empty where a mood was asked for")
    ] = ""
    request: Annotated[str, Meta(description="id of the request, empty for a window")] = ""
    emotion: Annotated[str, Meta(description="the dominant one, empty on a hold")] = ""
    confidence: Probability = 0.0
    probabilities: Seven | None = None
    songs: tuple[SongMatch, ...] = ()
    generation: Annotated[str, Meta(description="of the index that answered")] = ""
    labels: str = BASIC_7
    hold: HoldReason | None = None
    detail: Annotated[str, Meta(description="what is wrong, in a sentence, on some holds")] = ""
    window_start: Nanoseconds = 0
    window_end: Nanoseconds = 0
    mode: Mode = Mode.MATCH
    place: Annotated[Point | None, Meta(description="where the listener is")] = None
    target: Annotated[Point | None, Meta(description="where the songs are chosen for")] = None
    guidance: Annotated[Guidance | None, Meta(description="of a mode that leads somewhere")] = None
    keep: Annotated[
        bool, Meta(description="the mood of the songs before still holds: a player goes on")
    ] = False
    turning: Annotated[
        str, Meta(description="emotion of the window, where it must hold before the songs turn")
    ] = ""
    people: Annotated[int, Meta(ge=0, description="how many counted")] = 0
    disagreement: Annotated[
        float, Meta(ge=0, le=1, description="how far the people differ, 0 where they agree")
    ] = 0.0
    leader: Annotated[int, Meta(ge=0, description="track that the songs are for; 0: all")] = 0
    would_change: Annotated[
        str, Meta(description="in a sentence, what would change the answer; empty on a hold")
    ] = ""


class RecommendationRequest(Event, frozen=True, kw_only=True, tag="recommendation_request.v1"):
    """Ask for songs, or say how they are to be chosen: exactly one wish.

    A wish is a mood (`mood`, `point` or `probabilities`), for this answer alone; or `mode`,
    `feedback`, `reset_taste`, `opt_out` or `opt_in`, answered with songs for the latest window.
    Only a mood and a mode may be given together: then the mode is for this answer alone, too.
    """

    camera: Name
    mood: str | None = None
    point: Point | None = None
    probabilities: Seven | None = None
    mode: Annotated[Mode | None, Meta(description="of the room, until another one is set")] = None
    feedback: Feedback | None = None
    reset_taste: Annotated[bool, Meta(description="forget the feedback of the room")] = False
    opt_out: Annotated[
        Track | None, Meta(description="person to leave out of all windows from the next one on")
    ] = None
    opt_in: Annotated[Track | None, Meta(description="person to count again")] = None
    count: Annotated[int, Meta(ge=1, le=50)] = 5
    labels: str = BASIC_7


class TasteSubject(StrEnum):
    """What a room's taste is about."""

    SONG = "song"
    ARTIST = "artist"


class TasteEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a room has said of one song or artist, and what follows from it."""

    subject: TasteSubject
    song: Annotated[str, Meta(description="id of the song, empty for an artist")] = ""
    title: str = ""
    artist: str = ""
    liking: Liking
    likes: Annotated[int, Meta(ge=0)] = 0
    dislikes: Annotated[int, Meta(ge=0)] = 0
    skips: Annotated[int, Meta(ge=0)] = 0
    played: Annotated[int, Meta(ge=0, description="times played to the end")] = 0
    excluded_until: Annotated[Nanoseconds, Meta(description="not played before; 0: no bar")] = 0


class Taste(Event, frozen=True, kw_only=True, tag="taste.v1"):
    """All that a room's feedback has taught, most told of first. A reset empties it."""

    camera: Name
    entries: tuple[TasteEntry, ...] = ()


class IndexPublished(Event, frozen=True, kw_only=True, tag="index_published.v1"):
    """A hint that a new index lies on the volume; its manifest there is the truth."""

    generation: str
    songs: Annotated[int, Meta(ge=0)]
    model_sha256: str


class ServiceState(StrEnum):
    """How a service is."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPING = "stopping"


class Status(Event, frozen=True, kw_only=True, tag="status.v1"):
    """Heartbeat of a service, once a second. `detail` is a plain sentence when degraded."""

    service: Name
    instance: Name
    version: str
    state: ServiceState
    started: Nanoseconds
    detail: str = ""
    counters: dict[str, float] = {}


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
