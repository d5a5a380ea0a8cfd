"""From a window or a request to the recommendation that answers it."""

from dataclasses import dataclass, field
from dataclasses import replace as replaced

from msgspec.structs import replace

from moodcue.events import EmotionWindow, Guidance, HoldReason, LeastChange, Recommendation
from moodcue.taxonomy import dominant_emotion
from moodcue_recommender.history import History
from moodcue_recommender.library import Library
from moodcue_recommender.modes import GOALS
from moodcue_recommender.ranking import Ranking, rank
from moodcue_recommender.reasons import least_change, what_would_change
from moodcue_recommender.rooms import Room, Seven, holds_on, wanted
from moodcue_recommender.taste import RoomTaste
from moodcue_recommender.taste_order import by_taste
from moodcue_recommender.wishes import Meaning, Question, Rules, meaning_of


@dataclass(frozen=True)
class Stamp:
    """What identifies an event: its id, its source, and its number there."""

    id: str
    source: str
    seq: int


@dataclass(frozen=True)
class Memory:
    """What is known of a camera's room when a question comes.

    Attributes:
        history: the songs recommended before.
        room: where it stands.
        taste: what was said of songs there.
    """

    history: History = field(default_factory=History)
    room: Room = field(default_factory=Room)
    taste: RoomTaste = field(default_factory=RoomTaste)


@dataclass(frozen=True)
class Answer:
    """A recommendation and what is to be kept with it.

    Attributes:
        recommendation: as it is published.
        room: as it is now.
        meaning: of the question.
        repeated: how many songs came again too early.
        followed: whether the face came nearer to where the mode leads; none where it leads nowhere
            or this cannot be told.
    """

    recommendation: Recommendation
    room: Room
    meaning: Meaning
    repeated: int
    followed: bool | None = None


def answer(
    question: Question,
    *,
    stamp: Stamp,
    library: Library | None,
    memory: Memory,
    rules: Rules,
) -> Answer:
    """Answer with songs; or with the window's own hold, `no_index` or `not_understood`.

    Args:
        question: a window or a request.
        stamp: of the answer.
        library: to choose from, if there is one.
        memory: of the room.
        rules: how questions are answered.
    """
    meaning = meaning_of(
        question, room=memory.room, taste=memory.taste, library=library, rules=rules
    )
    seven = wanted(meaning.shown)
    ranking = Ranking()
    if library is not None and seven is not None:
        ranking = _ranked(
            library,
            seven,
            meaning,
            # What is said of songs reorders them; it does not ask for others.
            history=memory.history.before(memory.room.songs) if meaning.again else memory.history,
            stay=memory.room.songs if meaning.again else (),
            time=question.time,
            rules=rules,
        )
    keep = holds_on(memory.room, meaning.shown)
    recommendation = _recommendation(
        question, meaning, stamp=stamp, library=library, ranking=ranking, keep=keep
    )
    room = meaning.kept
    if ranking.songs:
        room = replace(
            room, answered=seven, songs=tuple(int(song.song, 16) for song in ranking.songs)
        )
    return Answer(
        recommendation,
        room,
        meaning,
        ranking.repeated,
        followed=_followed(memory.room.guidance, room.guidance),
    )


def _ranked(
    library: Library,
    seven: Seven,
    meaning: Meaning,
    *,
    history: History,
    stay: tuple[int, ...],
    time: int,
    rules: Rules,
) -> Ranking:
    nudges = meaning.taste.nudges(
        library.songs.by_artists(meaning.taste.artists), margin=rules.taste.margin
    )
    shown = meaning.shown
    ranking = rank(
        library,
        seven,
        count=meaning.count,
        target=shown.target or (shown.mood.point if shown.mood else None),
        history=history,
        taste=nudges,
        excluded=meaning.taste.excluded(time),
        stay=stay,
        weights=rules.weights,
    )
    return replaced(ranking, songs=by_taste(ranking.songs, meaning.taste, nudges))


def _followed(before: Guidance, after: Guidance) -> bool | None:
    if after.steps == before.steps + 1:
        return after.followed > before.followed
    return None


def _recommendation(
    question: Question,
    meaning: Meaning,
    *,
    stamp: Stamp,
    library: Library | None,
    ranking: Ranking,
    keep: bool,
) -> Recommendation:
    mood, shown = meaning.mood, meaning.shown
    hold = mood.hold
    if hold is None and library is None:
        hold = HoldReason.NO_INDEX
    probabilities = None if mood.hold else mood.probabilities
    change = _least_change(shown, ranking)
    return Recommendation(
        id=stamp.id,
        source=stamp.source,
        seq=stamp.seq,
        time=question.time,
        trace=question.trace,
        camera=question.camera,
        window=mood.window,
        request="" if isinstance(question, EmotionWindow) else question.id,
        emotion=dominant_emotion(probabilities) if probabilities and not hold else "",
        confidence=mood.confidence,
        probabilities=probabilities,
        songs=ranking.songs,
        generation=library.manifest.generation if library else "",
        hold=hold,
        detail=mood.detail,
        window_start=mood.start,
        window_end=mood.end,
        mode=shown.mode,
        place=mood.place,
        target=ranking.target,
        guidance=shown.guidance if shown.mode in GOALS else None,
        keep=keep and not hold,
        turning=mood.turning,
        people=mood.people,
        disagreement=mood.disagreement,
        leader=mood.leader,
        would_change=what_would_change(change) if change else "",
        least_change=change,
    )


def _least_change(shown: Room, ranking: Ranking) -> LeastChange | None:
    """Find what would change the answer to a face; of a point that is asked for it is plain."""
    if shown.mood is None or shown.mood.probabilities is None or not ranking.songs:
        return None
    from_face = bool(ranking.songs[0].contributions)
    return least_change(shown.mood.probabilities) if from_face else None
