"""From a window or a request to what becomes of the room, and what songs are chosen for."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from moodcue.errors import ProtocolError
from moodcue.events import EmotionWindow, Feedback, HoldReason, Mode, RecommendationRequest
from moodcue.moods import point_of_mood, seven_of_mood
from moodcue.songs import known_artist
from moodcue.taxonomy import BASIC_7, emotions_at
from moodcue_recommender.library import Library
from moodcue_recommender.rooms import (
    Mood,
    Room,
    RoomRules,
    after_window,
    answered_for,
    by_hand,
    with_asked,
    with_mode,
    without_people,
)
from moodcue_recommender.rules import Weights
from moodcue_recommender.taste import RoomTaste, SongTaste, TasteRules
from moodcue_recommender.vectors import checked_probabilities

Question = EmotionWindow | RecommendationRequest

_LATEST = 2**62
"""In the year 2116; with what feedback adds to it, a later time would not fit a column."""

_NOT_YET = Mood(
    confidence=0.0,
    hold=HoldReason.NOBODY,
    detail="nobody has been seen here so far; songs come with the next window",
)


@dataclass(frozen=True)
class Rules:
    """How questions are answered.

    Attributes:
        songs: how many a window gets; a request says it itself.
        room: how a room's mood becomes songs.
        taste: how feedback acts.
        weights: of the rules that choose among songs that fit.
    """

    songs: int
    room: RoomRules
    taste: TasteRules
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True)
class Meaning:
    """What a question means.

    Attributes:
        shown: the room that the songs are for.
        kept: the room that remains.
        taste: of the room.
        count: how many songs are wanted.
        again: whether it is about the same moment as the answer before.
        told: what is to be kept of the feedback on a song.
        forget: whether all feedback is to be forgotten.
    """

    shown: Room
    kept: Room
    taste: RoomTaste
    count: int
    again: bool = False
    told: SongTaste | None = None
    forget: bool = False

    @property
    def mood(self) -> Mood:
        """What the answer is about."""
        return self.shown.mood or _NOT_YET


def meaning_of(
    question: Question, *, room: Room, taste: RoomTaste, library: Library | None, rules: Rules
) -> Meaning:
    """Say what a question means in a room; what cannot be understood is a hold that says why."""
    if isinstance(question, EmotionWindow):
        after = _after(question, room, rules.room)
        return Meaning(after, after, taste, rules.songs)
    try:
        return _meaning_of_request(question, room=room, taste=taste, library=library, rules=rules)
    except ProtocolError as error:
        mood = Mood(hold=HoldReason.NOT_UNDERSTOOD, detail=str(error))
        return Meaning(replace(room, mood=mood), room, taste, question.count)


def _after(window: EmotionWindow, room: Room, rules: RoomRules) -> Room:
    try:
        _check(window)
    except ProtocolError as error:
        mood = Mood(
            window=window.id,
            start=window.start,
            end=window.end,
            confidence=window.confidence,
            hold=HoldReason.NOT_UNDERSTOOD,
            detail=str(error),
        )
        return replace(room, mood=mood, target=None, asked=None)
    return after_window(room, window, rules)


def _check(window: EmotionWindow) -> None:
    if window.hold is not None:
        return
    _check_labels(window.labels)
    if window.probabilities is None:
        raise ProtocolError("the window has neither probabilities nor a reason to hold")
    checked_probabilities(window.probabilities)


def _check_labels(labels: str) -> None:
    if labels != BASIC_7:
        raise ProtocolError(f"label set {labels!r} is unknown; give {BASIC_7!r}")


def _meaning_of_request(
    request: RecommendationRequest,
    *,
    room: Room,
    taste: RoomTaste,
    library: Library | None,
    rules: Rules,
) -> Meaning:
    count = request.count
    before = answered_for(room, rules.room)
    match _wishes(request):
        case ["mood"]:
            after = with_asked(room, _mood(request), request.mode or Mode.MATCH)
            return Meaning(answered_for(after, rules.room), after, taste, count)
        case ["mode"]:
            after = with_mode(room, request.mode or Mode.MATCH, rules.room)
            return Meaning(after, after, taste, count)
        case ["feedback"] if request.feedback is not None:
            told = _told(request.feedback, request.time, taste=taste, library=library, rules=rules)
            return Meaning(before, room, taste.with_entry(told), count, again=True, told=told)
        case ["reset_taste"]:
            return Meaning(before, room, RoomTaste(), count, again=True, forget=True)
        case ["opt_out"]:
            # The aggregator leaves them out of the next window; what is here goes at once.
            after = without_people(room)
            return Meaning(after, after, taste, count)
        case ["opt_in"]:
            return Meaning(before, room, taste, count, again=True)
        case given:
            raise ProtocolError(
                "a request gives exactly one of a mood (a word, a point or probabilities), mode, "
                "feedback, reset_taste, opt_out and opt_in, or a mood with a mode, "
                f"not {' and '.join(given) or 'none'}"
            )


def _wishes(request: RecommendationRequest) -> list[str]:
    """Name the wishes of a request; a mode beside a mood is part of that one."""
    moods = [w for w in (request.mood, request.point, request.probabilities) if w is not None]
    others = {
        "mode": request.mode is not None and not moods,
        "feedback": request.feedback is not None,
        "reset_taste": request.reset_taste,
        "opt_out": request.opt_out is not None,
        "opt_in": request.opt_in is not None,
    }
    return ["mood"] * len(moods) + [name for name, given in others.items() if given]


def _mood(request: RecommendationRequest) -> Mood:
    _check_labels(request.labels)
    if request.mood is not None:
        return by_hand(seven_of_mood(request.mood), point_of_mood(request.mood))
    if request.point is not None:
        valence, arousal = request.point
        return by_hand(emotions_at(valence=valence, arousal=arousal), request.point)
    probabilities = request.probabilities or ()
    checked_probabilities(probabilities)
    return by_hand(probabilities)


def _told(
    feedback: Feedback,
    time: int,
    *,
    taste: RoomTaste,
    library: Library | None,
    rules: Rules,
) -> SongTaste:
    number = int(feedback.song, 16)
    if library is None or number not in library.songs:
        raise ProtocolError(f"there is no song {feedback.song} in the library")
    song = library.songs.song(number)
    return taste.after(
        feedback,
        title=song.title,
        artist=known_artist(song.artist),
        time=min(time, _LATEST),
        rules=rules.taste,
    )
