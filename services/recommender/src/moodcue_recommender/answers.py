"""From a window or a request to the recommendation that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass

from moodcue.errors import ProtocolError
from moodcue.events import EmotionWindow, HoldReason, Recommendation, RecommendationRequest
from moodcue.moods import seven_of_mood
from moodcue.taxonomy import BASIC_7, dominant_emotion, emotions_at
from moodcue_recommender.library import Library
from moodcue_recommender.ranking import Ranking, rank
from moodcue_recommender.vectors import query_vector

Question = EmotionWindow | RecommendationRequest


@dataclass(frozen=True)
class Stamp:
    """What identifies an event: its id, its source, and its number there."""

    id: str
    source: str
    seq: int


@dataclass(frozen=True)
class Answer:
    """A recommendation, and how many of its songs came again too early."""

    recommendation: Recommendation
    repeated: int


@dataclass(frozen=True)
class _Wish:
    """What a question asks for: seven probabilities, or a hold."""

    count: int
    confidence: float
    probabilities: tuple[float, ...] | None = None
    hold: HoldReason | None = None
    detail: str = ""


def answer(
    question: Question,
    *,
    stamp: Stamp,
    library: Library | None,
    recent: Sequence[int],
    count: int,
) -> Answer:
    """Answer with songs; or with the window's own hold, `no_index` or `not_understood`.

    Args:
        question: a window or a request.
        stamp: of the answer.
        library: to choose from, if there is one.
        recent: ids of the songs recommended to this camera lately, oldest first.
        count: how many songs a window gets; a request says it itself.
    """
    wish = _wish(question, count=count)
    hold, ranking, emotion = wish.hold, Ranking((), 0), ""
    if hold is None and library is None:
        hold = HoldReason.NO_INDEX
    if hold is None and library is not None and wish.probabilities is not None:
        ranking = rank(library, wish.probabilities, count=wish.count, recent=recent)
        emotion = dominant_emotion(wish.probabilities)
    window = question if isinstance(question, EmotionWindow) else None
    recommendation = Recommendation(
        id=stamp.id,
        source=stamp.source,
        seq=stamp.seq,
        time=question.time,
        trace=question.trace,
        camera=question.camera,
        window=window.id if window else "",
        request="" if window else question.id,
        emotion=emotion,
        confidence=wish.confidence,
        probabilities=wish.probabilities,
        songs=ranking.songs,
        generation=library.manifest.generation if library else "",
        hold=hold,
        detail=wish.detail,
        window_start=window.start if window else 0,
        window_end=window.end if window else 0,
    )
    return Answer(recommendation, ranking.repeated)


def _wish(question: Question, *, count: int) -> _Wish:
    window = question if isinstance(question, EmotionWindow) else None
    # What a person asks for is certain; what a camera sees is not.
    confidence = window.confidence if window else 1.0
    size = count if isinstance(question, EmotionWindow) else question.count
    if window and window.hold is not None:
        return _Wish(size, confidence, hold=window.hold)
    try:
        return _Wish(size, confidence, _probabilities(question))
    except ProtocolError as error:
        return _Wish(size, confidence, hold=HoldReason.NOT_UNDERSTOOD, detail=str(error))


def _probabilities(question: Question) -> tuple[float, ...]:
    if question.labels != BASIC_7:
        raise ProtocolError(f"label set {question.labels!r} is unknown; give {BASIC_7!r}")
    if isinstance(question, EmotionWindow):
        probabilities = question.probabilities
        if probabilities is None:
            raise ProtocolError("the window has neither probabilities nor a reason to hold")
    else:
        probabilities = _asked_for(question)
    query_vector(probabilities)
    return probabilities


def _asked_for(request: RecommendationRequest) -> tuple[float, ...]:
    match (request.mood, request.point, request.probabilities):
        case (str(mood), None, None):
            return seven_of_mood(mood)
        case (None, (valence, arousal), None):
            return emotions_at(valence=valence, arousal=arousal)
        case (None, None, tuple(probabilities)):
            return probabilities
        case _:
            raise ProtocolError("a request gives exactly one of mood, point and probabilities")
