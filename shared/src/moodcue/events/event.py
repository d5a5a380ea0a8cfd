"""What every event carries, and the kinds of fields that several of them have."""

from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.topics import name_pattern

Probability = Annotated[float, Meta(ge=0, le=1)]
Nanoseconds = Annotated[int, Meta(ge=0, description="UTC, nanoseconds since 1970")]
Seven = Annotated[tuple[Probability, ...], Meta(min_length=7, max_length=7)]
SignedUnit = Annotated[float, Meta(ge=-1, le=1)]
Point = Annotated[tuple[SignedUnit, SignedUnit], Meta(description="valence, arousal")]
Quadrant = Annotated[str, Meta(pattern=r"^Q[1-4]$")]
SongKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$", description="id of a song, 16 hex digits")]
Name = Annotated[str, Meta(pattern=name_pattern())]
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
