"""The script of moods that the synthetic people show."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moodcue.moods import EMOTION_WORDS

TRANSITION_SECONDS = 1.5
MAX_MOODS = 32
_MIN_SECONDS, _MAX_SECONDS = 2 * TRANSITION_SECONDS, 3600.0
_ENTRY = re.compile(r"\s*([a-z]+)\s+(\d+(?:\.\d+)?)\s*s?\s*")
_BETWEEN = re.compile(r",|->|→")


@dataclass(frozen=True)
class Mood:
    """An emotion and how long it is shown."""

    expression: str
    seconds: float


def parse_moods(text: str) -> tuple[Mood, ...]:
    """Read a script such as `happiness 20, sadness 20` or `sad 20 s -> happy 20 s`.

    Raises:
        ValueError: naming the entry that cannot be used and what is allowed.
    """
    entries = _BETWEEN.split(text)
    if len(entries) > MAX_MOODS:
        raise ValueError(f"{len(entries)} moods are too many; give at most {MAX_MOODS}")
    return tuple(_parse_entry(entry) for entry in entries)


def _parse_entry(entry: str) -> Mood:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError(f"{entry.strip()!r} is no mood; write it as 'happiness 20'")
    expression, seconds = EMOTION_WORDS.get(match[1]), float(match[2])
    if expression is None:
        raise ValueError(f"mood {match[1]!r} is unknown; known: {', '.join(EMOTION_WORDS)}")
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise ValueError(
            f"mood {entry.strip()!r} must last {_MIN_SECONDS:g} to {_MAX_SECONDS:g} seconds"
        )
    return Mood(expression, seconds)


def weights_at(moods: tuple[Mood, ...], seconds: float) -> Mapping[str, float]:
    """Return how much of each expression is shown at a media time; the weights sum to 1.

    The script repeats. The first `TRANSITION_SECONDS` of a mood lead over from the one before.
    """
    since = seconds % sum(mood.seconds for mood in moods)
    current = 0
    while since >= moods[current].seconds and current < len(moods) - 1:
        since -= moods[current].seconds
        current += 1
    expression, before = moods[current].expression, moods[current - 1].expression
    # The very first mood has none before it.
    if expression == before or seconds < TRANSITION_SECONDS:
        return {expression: 1.0}
    share = smooth_step(min(1.0, since / TRANSITION_SECONDS))
    return {before: 1.0 - share, expression: share}


def smooth_step(progress: float) -> float:
    """Return 0 to 1 for 0 to 1, without a jerk at either end (3x^2 - 2x^3)."""
    return progress * progress * (3 - 2 * progress)
