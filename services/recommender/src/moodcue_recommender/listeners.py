"""Made-up listeners: streams of windows as a camera in a room gives them, for measurements.

A listener's mood lasts a while, then turns into another one; most of the time it is none in
particular. The face follows it with some delay and shows it only in a part of the frames; the
network that reads the face errs as it does on pictures of people that it was not trained on.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from moodcue.taxonomy import EMOTIONS, Emotion

MOOD_SHARES: Mapping[Emotion, float] = {
    Emotion.NEUTRAL: 0.50,
    Emotion.HAPPINESS: 0.20,
    Emotion.SADNESS: 0.10,
    Emotion.ANGER: 0.06,
    Emotion.SURPRISE: 0.05,
    Emotion.FEAR: 0.05,
    Emotion.DISGUST: 0.04,
}
"""How often a new mood is which. Our assumption: at home, half of the moods are none."""

MOOD_WINDOWS = 8
"""How many windows a mood lasts on average (two minutes); the lengths are geometric."""

DELAY = 0.5
"""Share of what a face showed in the window before that it still shows."""

LEAST_SHOWN = 0.4
"""A mood is shown in this share of the frames at least; in the others the face is neutral."""

CLEARLY_READ = 0.7
"""Probability of the emotion that a clear face shows."""

REREAD = 0.3
"""How likely a face that shows the same is read anew in the next window; else as before."""

CONFUSION: Mapping[Emotion, Sequence[int]] = {
    Emotion.ANGER: (280, 2, 26, 22, 58, 12, 67),
    Emotion.DISGUST: (25, 19, 0, 3, 7, 0, 2),
    Emotion.FEAR: (54, 0, 174, 10, 143, 42, 73),
    Emotion.HAPPINESS: (9, 0, 9, 801, 5, 19, 52),
    Emotion.SADNESS: (52, 0, 33, 19, 404, 8, 137),
    Emotion.SURPRISE: (10, 1, 28, 21, 5, 337, 13),
    Emotion.NEUTRAL: (21, 0, 14, 51, 80, 4, 437),
}
"""Faces of FER2013 PublicTest by what they show and what fer-cnn 0.2.0 reads: `EMOTIONS` across.

From `moodcue-fer evaluate --dataset fer2013 DATA --split PublicTest`, field `confusion`.
"""

RELIABILITY: Sequence[tuple[int, float, float]] = (
    (9, 0.244, 0.222),
    (83, 0.302, 0.265),
    (233, 0.370, 0.339),
    (314, 0.436, 0.449),
    (320, 0.501, 0.466),
    (373, 0.567, 0.550),
    (299, 0.634, 0.565),
    (286, 0.700, 0.692),
    (269, 0.768, 0.703),
    (284, 0.833, 0.835),
    (333, 0.900, 0.928),
    (786, 0.975, 0.957),
)
"""The same faces by the network's highest probability: how many, its mean, how many are right.

From the field `reliability` of the same record.
"""


_HALVINGS = 40


@dataclass(frozen=True)
class SimulatedWindow:
    """What one window says, and what it should have said.

    Attributes:
        felt: the listener's mood.
        probabilities: seven, in the order of `EMOTIONS`, sum 1.
        confidence: 0 to 1, as the aggregator computes it.
    """

    felt: Emotion
    probabilities: tuple[float, ...]
    confidence: float


def simulate(count: int, *, seed: int) -> list[SimulatedWindow]:
    """Return the windows of one listener, the same for the same seed."""
    chance = random.Random(seed)
    shown = _only(Emotion.NEUTRAL)
    readings: dict[Emotion, tuple[float, ...]] = {}
    windows = []
    for felt, share in _moods(count, chance):
        wanted = _mixed(_only(felt), _only(Emotion.NEUTRAL), share)
        shown = _mixed(shown, wanted, DELAY)
        for emotion in Emotion:
            if emotion not in readings or chance.random() < REREAD:
                readings[emotion] = _reading(emotion, chance)
        windows.append(_window(felt, shown, readings, coverage=chance.uniform(0.3, 1.0)))
    return windows


def clear_face(emotion: Emotion) -> tuple[float, ...]:
    """Return what is read of a clear face: the emotion, and a little of what it is mistaken for."""
    return _read(emotion, EMOTIONS.index(emotion), CLEARLY_READ)


def _moods(count: int, chance: random.Random) -> Iterator[tuple[Emotion, float]]:
    """Yield the mood of every window and in what share of the frames it wants to be shown."""
    felt, share = Emotion.NEUTRAL, 1.0
    for _ in range(count):
        if chance.random() < 1 / MOOD_WINDOWS:
            felt = chance.choices(list(MOOD_SHARES), list(MOOD_SHARES.values()))[0]
            share = chance.uniform(LEAST_SHOWN, 1.0)
        yield felt, share


def _reading(emotion: Emotion, chance: random.Random) -> tuple[float, ...]:
    """Read a face that shows an emotion: right or wrong, sure or unsure, as the network is.

    The surer a reading, the more often it is right, by `RELIABILITY`; how often it is right over
    all, and what it is taken for otherwise, is by `CONFUSION`.
    """
    row = CONFUSION[emotion]
    place = EMOTIONS.index(emotion)
    _, confidence, accuracy = chance.choices(RELIABILITY, [n for n, _, _ in RELIABILITY])[0]
    if chance.random() < _shifted(accuracy, _SHIFTS[emotion]):
        read = place
    else:
        read = chance.choices(range(len(row)), [n * (i != place) for i, n in enumerate(row)])[0]
    return _read(emotion, read, confidence)


def _read(emotion: Emotion, read: int, confidence: float) -> tuple[float, ...]:
    """Return a reading of an emotion: the place of what is read, and how surely."""
    others = [(n + 1) * (i != read) for i, n in enumerate(CONFUSION[emotion])]
    rest = (1 - confidence) / sum(others)
    return tuple(confidence if i == read else n * rest for i, n in enumerate(others))


def _shifted(probability: float, shift: float) -> float:
    return 1 / (1 + math.exp(-math.log(probability / (1 - probability)) - shift))


def _shift_for(recall: float) -> float:
    """Return by how much the log odds of being right differ for an emotion with this recall."""
    low, high = -10.0, 10.0
    total = sum(n for n, _, _ in RELIABILITY)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mean = sum(n * _shifted(a, middle) for n, _, a in RELIABILITY) / total
        low, high = (middle, high) if mean < recall else (low, middle)
    return low


_SHIFTS = {
    emotion: _shift_for(row[EMOTIONS.index(emotion)] / sum(row))
    for emotion, row in CONFUSION.items()
}


def _window(
    felt: Emotion,
    shown: Sequence[float],
    readings: Mapping[Emotion, tuple[float, ...]],
    *,
    coverage: float,
) -> SimulatedWindow:
    seen = [(share, readings[Emotion(e)]) for share, e in zip(shown, EMOTIONS, strict=True)]
    vector = tuple(sum(share * read[i] for share, read in seen) for i in range(len(EMOTIONS)))
    concentration = max(0.0, (max(vector) - 1 / len(EMOTIONS)) / (1 - 1 / len(EMOTIONS)))
    spread = sum(
        share * sum(abs(p - q) for p, q in zip(read, vector, strict=True)) / 2
        for share, read in seen
    )
    return SimulatedWindow(felt, vector, math.cbrt(concentration * (1 - spread) * coverage))


def _only(emotion: Emotion) -> tuple[float, ...]:
    return tuple(float(name == emotion) for name in EMOTIONS)


def _mixed(one: Sequence[float], other: Sequence[float], share: float) -> tuple[float, ...]:
    return tuple(share * a + (1 - share) * b for a, b in zip(one, other, strict=True))
