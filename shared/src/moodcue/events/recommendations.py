"""Songs, why they were chosen, and how they were asked for."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.events.event import (
    Event,
    Name,
    Nanoseconds,
    Point,
    Probability,
    Quadrant,
    Seven,
    SignedUnit,
    Track,
)
from moodcue.events.taste import Feedback, Liking
from moodcue.events.windows import HoldReason
from moodcue.taxonomy import BASIC_7


class Mode(StrEnum):
    """Which songs a mood asks for: those that match it, or those on a path to another one."""

    MATCH = "match"
    LIFT = "lift"
    CALM = "calm"
    ENERGISE = "energise"
    HOLD = "hold"


class Guidance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the faces followed the songs of a mode, in windows since it was set."""

    steps: Annotated[int, Meta(ge=0, description="windows after which this could be told")] = 0
    followed: Annotated[
        int, Meta(ge=0, description="of these, the mood came nearer to where it leads")
    ] = 0
    not_followed: Annotated[int, Meta(ge=0, description="of these, it stayed or went away")] = 0


class LeastChange(msgspec.Struct, frozen=True, kw_only=True):
    """The least rise of one emotion, at the cost of all others, by which the songs would turn."""

    emotion: str
    share: Annotated[float, Meta(ge=0, le=1, description="that it has")]
    rises_to: Annotated[float, Meta(ge=0, le=1, description="that it would need")]
    quadrant: Annotated[Quadrant, Meta(description="of the plane, of the songs as they are")]
    next_quadrant: Annotated[Quadrant, Meta(description="that the songs would be of")]


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
    reason: Annotated[
        str, Meta(description="in an English sentence; what it says is in other fields, too")
    ] = ""
    fit_rank: Annotated[int, Meta(ge=0, description="rank by fit alone, from 1; 0: not told")] = 0
    moved_by: Annotated[
        str, Meta(description="rule that moved it: memory, often, artist, variety, follows, taste")
    ] = ""
    repeated: Annotated[
        bool, Meta(description="it came not long ago, and too little else fits")
    ] = False
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
    least_change: Annotated[
        LeastChange | None, Meta(description="what `would_change` says, as data")
    ] = None


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
