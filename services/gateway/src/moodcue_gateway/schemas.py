"""What the HTTP interface takes and gives; events keep the fields that they have on the bus."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from moodcue.events import (
    Event,
    Feedback,
    FeedbackKind,
    HoldReason,
    Mode,
    ServiceState,
    TasteSubject,
)
from moodcue.taxonomy import vector_from_mapping
from moodcue.topics import name_pattern

Probability = Annotated[float, Field(ge=0, le=1)]
SignedUnit = Annotated[float, Field(ge=-1, le=1)]
Point = tuple[SignedUnit, SignedUnit]
SongKey = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="id of a song")]
Track = Annotated[int, Field(ge=1, description="number of a person, per camera")]
Seven = Annotated[
    list[Probability],
    Field(
        min_length=7,
        max_length=7,
        description="anger, disgust, fear, happiness, sadness, surprise, neutral",
    ),
]
Nanoseconds = Annotated[int, Field(ge=0, description="UTC, nanoseconds since 1970")]
Name = Annotated[str, Field(pattern=name_pattern())]
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


class LikingModel(BaseModel):
    """How much a song is liked as far as is known."""

    mean: Probability
    low: Probability = Field(description="5th percentile")
    high: Probability = Field(description="95th percentile")


class GuidanceModel(BaseModel):
    """Whether the faces followed the songs of a mode, in windows since it was set."""

    steps: int = Field(description="windows after which this could be told")
    followed: int = Field(description="of these, the mood came nearer to where it leads")
    not_followed: int = Field(description="of these, it stayed or went away")


class LeastChangeModel(BaseModel):
    """The least rise of one emotion, at the cost of all others, by which the songs would turn."""

    emotion: str
    share: Probability = Field(description="that it has")
    rises_to: Probability = Field(description="that it would need")
    quadrant: str = Field(description="of the plane, of the songs as they are, such as Q1")
    next_quadrant: str = Field(description="that the songs would be of")


class SongMatchModel(BaseModel):
    """A song and why it was chosen."""

    song: str = Field(description="id; its audio is at /v1/songs/{song}/audio")
    title: str
    artist: str
    path: str = Field(description="relative to the music folder")
    score: float = Field(description="how well it fits what was asked for, -1 to 1")
    emotions: Seven
    valence: SignedUnit
    arousal: SignedUnit
    contributions: dict[str, float] = Field({}, description="each emotion's share of the score")
    reason: str = ""
    fit_rank: int = Field(0, description="rank by fit alone, from 1; 0: not told")
    moved_by: str = Field("", description="rule that moved it, such as taste")
    repeated: bool = Field(
        default=False, description="it came not long ago, and too little else fits"
    )
    uncertainty: float = Field(0, description="of the song's emotions")
    liking: LikingModel | None = Field(None, description="of the room, where it has said so")


class RecommendationModel(EventModel):
    """Songs for a window or a request, best first; or a hold with its reason and no songs."""

    type: Literal["recommendation.v1"]
    camera: str
    window: str = Field("", description="id of the window; empty where a mood was asked for")
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
    mode: Mode = Mode.MATCH
    place: Point | None = Field(None, description="valence, arousal of the listener")
    target: Point | None = Field(None, description="valence, arousal that the songs are chosen for")
    guidance: GuidanceModel | None = Field(None, description="of a mode that leads somewhere")
    keep: bool = Field(default=False, description="the mood of the songs before still holds")
    turning: str = Field("", description="emotion that must hold before the songs turn")
    people: int = Field(0, description="how many counted")
    disagreement: Probability = Field(0, description="how far the people differ")
    leader: int = Field(0, description="track that the songs are for; 0: all")
    would_change: str = Field("", description="in a sentence, what would change the answer")
    least_change: LeastChangeModel | None = Field(
        None, description="what `would_change` says, as data"
    )


class TrackModel(BaseModel):
    """One person's share of a window."""

    track: int
    probabilities: Seven
    frames: int
    weight: float
    box: Box


class OptedOutModel(BaseModel):
    """A person who asked to be left out."""

    track: int
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
    opted_out: list[OptedOutModel] = []


class RecommendationList(BaseModel):
    """Recommendations, oldest first."""

    recommendations: list[RecommendationModel]
    complete: bool = Field(description="false: older ones were asked for and are no longer kept")


class FeedbackModel(BaseModel):
    """A listener's word on one song."""

    model_config = ConfigDict(extra="forbid")

    song: SongKey
    kind: FeedbackKind


class WishModel(BaseModel):
    """Ask for songs, or say how they are to be chosen: exactly one wish.

    A wish is a mood (`mood`, `emotions` or `point`), for this answer alone; or `mode`, `feedback`,
    `opt_out` or `opt_in`, answered with songs for the latest window of the camera. Only a mood and
    a mode may be given together: then the mode is for this answer alone, too.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"mood": "calm", "count": 5}]},
    )

    mood: str | None = Field(None, min_length=1, max_length=64, description="such as calm")
    emotions: dict[str, float] | None = Field(
        None, min_length=1, description="emotion to weight, for instance happiness to 0.8"
    )
    point: Point | None = Field(None, description="valence, arousal")
    mode: Mode | None = Field(None, description="of the camera's room, until another one is set")
    feedback: FeedbackModel | None = None
    opt_out: Track | None = Field(None, description="person to leave out from the next window on")
    opt_in: Track | None = Field(None, description="person to count again")
    count: int = Field(5, ge=1, le=50, description="how many songs")
    camera: Name = Field("manual", description="room that it is for; the answer comes on its topic")

    @model_validator(mode="after")
    def _exactly_one(self) -> "WishModel":
        moods = self._given("mood", "emotions", "point")
        others = self._given("feedback", "opt_out", "opt_in")
        if len(moods) + len(others) + (self.mode is not None and not moods) != 1:
            given = [*moods, *self._given("mode"), *others]
            raise ValueError(
                "give exactly one of mood, emotions, point, mode, feedback, opt_out and opt_in, "
                f"or a mood with a mode, not {' and '.join(given) or 'none'}"
            )
        return self

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    def fields(self) -> dict[str, Any]:
        """Return the fields of the request on the bus.

        Raises:
            ProtocolError: if an emotion is unknown or weighs nothing.
        """
        feedback = self.feedback and Feedback(song=self.feedback.song, kind=self.feedback.kind)
        return {
            **self.model_dump(exclude={"camera", "emotions", "feedback"}),
            "probabilities": vector_from_mapping(self.emotions) if self.emotions else None,
            "feedback": feedback,
        }


class TasteEntryModel(BaseModel):
    """What a room has said of one song or artist, and what follows from it."""

    subject: TasteSubject
    song: str = Field(description="id, empty for an artist")
    title: str
    artist: str
    liking: LikingModel
    likes: int
    dislikes: int
    skips: int
    played: int = Field(description="times played to the end")
    excluded_until: Nanoseconds = Field(description="not played before; 0: no bar")


class TasteModel(BaseModel):
    """All that a room's feedback has taught, the most told of first."""

    camera: str
    entries: list[TasteEntryModel]


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
    songs: int = Field(description="in the published index; 0 where there is none")
    generation: str = Field(description="of the index, empty where there is none")
    services: list[ServiceModel]


M = TypeVar("M", bound=EventModel)


def from_event(kind: type[M], event: Event) -> M:
    """Turn an event of the bus into its model."""
    return kind.model_validate(msgspec.to_builtins(event))
