"""How often music turns that waits for an emotion to last, against how often moods do."""

from collections.abc import Sequence
from itertools import pairwise

from moodcue.events import EmotionWindow
from moodcue.identity import NS_PER_SECOND
from moodcue.taxonomy import dominant_emotion
from moodcue_recommender.listeners import SimulatedWindow
from moodcue_recommender.rooms import Room, RoomRules, after_window

_WINDOW_SECONDS = 15


def turns(listener: Sequence[SimulatedWindow], rules: RoomRules) -> dict[str, dict[str, float]]:
    """Compare music that turns with every window with music that waits as the rules say.

    Args:
        listener: windows of 15 s, one after another.
        rules: of the room.

    Returns:
        Of the listener how often the mood turns per hour, and of both kinds of music how often it
        does and the share of windows in which it is for the mood that is felt.
    """
    felt = [window.felt.value for window in listener]
    eager = [dominant_emotion(window.probabilities) for window in listener]
    return {
        "mood": {"turns_per_hour": _per_hour(felt)},
        "music_at_once": _figures(eager, felt),
        "music_that_waits": _figures(_waiting(listener, rules), felt),
    }


def _waiting(listener: Sequence[SimulatedWindow], rules: RoomRules) -> list[str]:
    room, emotions = Room(), []
    for number, window in enumerate(listener):
        room = after_window(room, _event(window, number), rules)
        seven = room.mood.probabilities if room.mood else None
        emotions.append(dominant_emotion(seven or window.probabilities))
    return emotions


def _event(window: SimulatedWindow, number: int) -> EmotionWindow:
    start = number * _WINDOW_SECONDS * NS_PER_SECOND
    end = start + _WINDOW_SECONDS * NS_PER_SECOND
    return EmotionWindow(
        id=str(number + 1),
        source="simulated",
        seq=number + 1,
        time=end,
        trace="",
        camera="simulated",
        start=start,
        end=end,
        frames_expected=1,
        frames_seen=1,
        frames_with_face=1,
        coverage=1.0,
        confidence=window.confidence,
        probabilities=tuple(min(1.0, value) for value in window.probabilities),
    )


def _figures(emotions: Sequence[str], felt: Sequence[str]) -> dict[str, float]:
    right = sum(one == other for one, other in zip(emotions, felt, strict=True)) / len(felt)
    return {"turns_per_hour": _per_hour(emotions), "right": round(right, 3)}


def _per_hour(emotions: Sequence[str]) -> float:
    hours = len(emotions) * _WINDOW_SECONDS / 3600
    changes = sum(one != other for one, other in pairwise(emotions))
    return round(changes / hours, 1)
