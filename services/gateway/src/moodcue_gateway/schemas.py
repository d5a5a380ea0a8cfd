"""What the HTTP interface takes and gives; events keep the fields that they have on the bus."""

from typing import Annotated, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from moodcue.events import Event, HoldReason, ServiceState

Probability = Annotated[float, Field(ge=0, le=1)]
SignedUnit = Annotated[float, Field(ge=-1, le=1)]
Seven = Annotated[
    list[Probability],
    Field(
        min_length=7,
        max_length=7,
        description="anger, disgust, fear, happiness, sadness, surprise, neutral",
    ),
]
Nanoseconds = Annotated[int, Field(ge=0, description="UTC, nanoseconds since 1970")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Box = Annotated[
    list[int], Field(min_length=4, max_length=4, description="left, top, width, height in pixels")
]


class EventModel(BaseModel):
    """What every event carries."""

    id: str
    source: str = Field(description="service/instance that published it")
    seq: int = Field(description="counts from 1 per source and topic")
    time: Nanoseconds
    trace: str = Field(description="follows a frame to its songs")


class SongMatchModel(BaseModel):
    """A song and why it was chosen."""

    song: str = Field(description="id; its audio is at /v1/songs/{song}/audio")
    title: str
    artist: str
    path: str = Field(description="relative to the music folder")
    score: float = Field(description="cosine similarity, -1 to 1")
    emotions: Seven
    valence: SignedUnit
    arousal: SignedUnit
    contributions: dict[str, float] = Field({}, description="each emotion's share of the score")
    reason: str = ""


class RecommendationModel(EventModel):
    """Songs for a window or a request, best first; or a hold with its reason and no songs."""

    type: Literal["recommendation.v1"]
    camera: str
    window: str = Field("", description="id of the emotion window, empty for a request")
    request: str = Field("", description="id of the request, empty for a window")
    emotion: str = Field("", description="the dominant one, empty on a hold")
    confidence: Probability
    probabilities: Seven | None = None
    songs: list[SongMatchModel]
    generation: str = Field("", description="of the index that answered")
    labels: str
    hold: HoldReason | None = Field(None, description="why nothing is recommended")
    detail: str = Field("", description="what is wrong, in a sentence, on some holds")
    window_start: Nanoseconds
    window_end: Nanoseconds


class TrackModel(BaseModel):
    """One person's share of a window."""

    track: int
    probabilities: Seven
    frames: int
    weight: float
    box: Box


class WindowModel(EventModel):
    """The emotion in front of one camera over [start, end)."""

    type: Literal["emotion_window.v1"]
    camera: str
    start: Nanoseconds
    end: Nanoseconds
    frames_expected: int
    frames_seen: int
    frames_with_face: int
    coverage: Probability = Field(description="frames with a face / frames expected")
    confidence: Probability
    probabilities: Seven | None = None
    tracks: list[TrackModel]
    labels: str
    hold: HoldReason | None = Field(None, description="why there is no vector to act on")


class RecommendationList(BaseModel):
    """Recommendations, oldest first."""

    recommendations: list[RecommendationModel]
    complete: bool = Field(description="false: older ones were asked for and are no longer kept")


class MoodRequest(BaseModel):
    """Ask for songs by exactly one of a word, seven weights, or a point of the plane."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"mood": "calm", "count": 5}]},
    )

    mood: str | None = Field(None, min_length=1, max_length=64, description="such as calm")
    emotions: dict[str, float] | None = Field(
        None, min_length=1, description="emotion to weight, for instance happiness to 0.8"
    )
    point: tuple[SignedUnit, SignedUnit] | None = Field(None, description="valence, arousal")
    count: int = Field(5, ge=1, le=50, description="how many songs")
    camera: Name = Field("manual", description="topic that the answer comes on")

    @model_validator(mode="after")
    def _exactly_one(self) -> "MoodRequest":
        given = [name for name in ("mood", "emotions", "point") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of mood, emotions and point, not {' and '.join(given) or 'none'}"
            )
        return self


class SongModel(BaseModel):
    """A song of the library."""

    song: str = Field(description="id; its audio is at /v1/songs/{song}/audio")
    title: str
    artist: str
    album: str
    path: str = Field(description="relative to the music folder")
    duration_seconds: float
    valence: SignedUnit
    arousal: SignedUnit
    emotions: Seven


class SongList(BaseModel):
    """A page of the library, in the order of the songs' paths."""

    generation: str = Field(description="of the index")
    total: int = Field(description="songs that match, on all pages")
    songs: list[SongModel]


class ServiceModel(BaseModel):
    """One process, as its last heartbeat told."""

    service: str
    instance: str
    version: str
    state: ServiceState
    stale: bool = Field(description="its heartbeats have stopped")
    age_seconds: float = Field(description="since the last heartbeat")
    started: Nanoseconds
    detail: str = Field(description="a plain sentence when degraded")
    counters: dict[str, float]


class SystemModel(BaseModel):
    """The whole system as the gateway hears it."""

    ready: bool
    problem: str = Field(description="what keeps the gateway from its work, in a sentence")
    missing: list[str] = Field(description="services that have no live process")
    workers: int = Field(description="live face-emotion workers")
    services: list[ServiceModel]


M = TypeVar("M", bound=EventModel)


def from_event(kind: type[M], event: Event) -> M:
    """Turn an event of the bus into its model."""
    return kind.model_validate(msgspec.to_builtins(event))
