"""What a room has said of songs, and what follows from it."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.events.event import Event, Name, Nanoseconds, Probability, SongKey


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
