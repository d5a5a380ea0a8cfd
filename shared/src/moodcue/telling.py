"""Events in words, for people on a terminal."""

import time

from moodcue.events import (
    AnyEvent,
    EmotionWindow,
    FaceEmotion,
    IndexPublished,
    Mode,
    Recommendation,
    RecommendationRequest,
    Status,
    Taste,
)
from moodcue.identity import NS_PER_SECOND
from moodcue.moods import QUADRANT_WORDS
from moodcue.taxonomy import EMOTIONS, dominant_emotion, quadrant_of


def as_text(event: AnyEvent) -> str:
    """Describe an event for a person, in one line or, for songs, in one line each."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.time / NS_PER_SECOND))
    match event:
        case Recommendation():
            words = _recommendation_text(event)
        case EmotionWindow(hold=None, probabilities=probabilities) if probabilities is not None:
            mood = f"{dominant_emotion(probabilities)} {max(probabilities):.0%}"
            words = f"{event.camera}: {mood}, confidence {event.confidence:.0%}"
        case EmotionWindow():
            words = f"{event.camera}: hold, {event.hold}"
        case FaceEmotion():
            faces = [
                dominant_emotion(face.probabilities) if face.probabilities else str(face.problem)
                for face in event.faces
            ]
            words = f"{event.camera}: {', '.join(faces) or event.status}"
        case Status():
            words = f"{event.service}/{event.instance}: {event.state} {event.detail}"
        case RecommendationRequest():
            words = f"{event.camera}: asks for {_wish_text(event)}"
        case Taste():
            words = f"{event.camera}: feedback on {len(event.entries)} songs and artists"
        case IndexPublished():
            words = f"a library of {event.songs} songs, generation {event.generation}"
        case _:
            words = f"{type(event).__name__} {event.id}"
    return f"{clock}  {words}"


def _recommendation_text(event: Recommendation) -> str:
    if event.hold is not None:
        said = f": {event.detail}" if event.detail else ""
        return f"{event.camera}: no songs, {event.hold.replace('_', ' ')}{said}"
    lines = [f"{event.camera}: {_mood_text(event)}"]
    lines += [
        f"    {rank}. {song.score:.2f}  {song.title} - {song.artist}"
        for rank, song in enumerate(event.songs, start=1)
    ]
    return "\n".join(lines)


def _mood_text(event: Recommendation) -> str:
    mode = "" if event.mode is Mode.MATCH else f", {event.mode}"
    if event.request and not event.window and event.place is not None:
        valence, arousal = event.place
        word, _ = QUADRANT_WORDS[quadrant_of(valence=valence, arousal=arousal)]
        return f"{word} music, as asked for{mode}"
    text = f"{event.emotion}, confidence {event.confidence:.0%}{mode}"
    if event.probabilities is None:
        return text
    ranked = sorted(zip(event.probabilities, EMOTIONS, strict=True), reverse=True)
    return f"{text}  ({', '.join(f'{name} {p:.0%}' for p, name in ranked[:3])})"


def _wish_text(request: RecommendationRequest) -> str:
    wishes = {
        "mood": request.mood,
        "point": request.point and "{:g},{:g}".format(*request.point),
        "emotions": request.probabilities and dominant_emotion(request.probabilities),
        "mode": request.mode,
        "feedback": request.feedback and f"{request.feedback.kind} {request.feedback.song}",
        "opt-out of person": request.opt_out,
        "opt-in of person": request.opt_in,
        "forgetting the taste": request.reset_taste,
    }
    return ", ".join(
        name if wish is True else f"{name} {wish}" for name, wish in wishes.items() if wish
    )
