"""The emotion vocabulary that faces and songs share."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

from moodcue.errors import ProtocolError


class Emotion(StrEnum):
    """The basic emotions of Ekman and neutral, in the order of every seven-vector."""

    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    NEUTRAL = "neutral"


EMOTIONS: tuple[str, ...] = tuple(emotion.value for emotion in Emotion)

BASIC_7 = "basic-7"
"""Name of the label set that seven-vectors carry: the order of `EMOTIONS`."""

VALENCE_AROUSAL: Mapping[str, tuple[float, float]] = {
    Emotion.ANGER: (-0.51, 0.59),
    Emotion.DISGUST: (-0.60, 0.35),
    Emotion.FEAR: (-0.64, 0.60),
    Emotion.HAPPINESS: (0.76, 0.48),
    Emotion.SADNESS: (-0.63, -0.27),
    Emotion.SURPRISE: (0.40, 0.67),
    Emotion.NEUTRAL: (0.0, 0.0),
}
"""Valence and arousal (-1..1) of each emotion, after Russell and Mehrabian (1977)."""

QUADRANTS: tuple[str, ...] = ("Q1", "Q2", "Q3", "Q4")
"""Russell's quadrants: Q1 happy/energetic, Q2 tense/angry, Q3 sad, Q4 calm/content."""


POINT_TEMPERATURE = 0.25
"""Squared distance on the plane over which an emotion's weight falls to 1/e, in `emotions_at`.

At 0.25 the emotion nearest to the middle of its quadrant clearly leads there; anger, fear and
disgust, which lie close together, share theirs; and calm (0.8, -0.8), near to which no basic
emotion lies, is four fifths neutral and one fifth happiness.
"""


def emotions_at(*, valence: float, arousal: float) -> tuple[float, ...]:
    """Return seven probabilities for a point of the valence-arousal plane (each -1..1).

    A softmax of the negative squared distances to the emotions' own points, over
    `POINT_TEMPERATURE`. Songs and moods given as a point become vectors by this one mapping.

    Raises:
        ProtocolError: if the point lies outside the plane.
    """
    for name, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise ProtocolError(f"{name} is {value}; give a number from -1 to 1")
    points = [VALENCE_AROUSAL[emotion] for emotion in EMOTIONS]
    distances = [(valence - v) ** 2 + (arousal - a) ** 2 for v, a in points]
    nearest = min(distances)
    weights = [math.exp((nearest - distance) / POINT_TEMPERATURE) for distance in distances]
    return tuple(weight / sum(weights) for weight in weights)


def quadrant_of(*, valence: float, arousal: float) -> str:
    """Name Russell's quadrant of a point of the valence-arousal plane (each -1..1).

    An axis belongs to its positive side.
    """
    if arousal >= 0:
        return "Q1" if valence >= 0 else "Q2"
    return "Q4" if valence >= 0 else "Q3"


def valence_arousal_of(probabilities: Sequence[float]) -> tuple[float, float]:
    """Expected valence and arousal (-1..1) of seven probabilities in the order of `EMOTIONS`."""
    points = [VALENCE_AROUSAL[emotion] for emotion in EMOTIONS]
    valence = sum(p * v for p, (v, _) in zip(probabilities, points, strict=True))
    arousal = sum(p * a for p, (_, a) in zip(probabilities, points, strict=True))
    return valence, arousal


def vector_from_mapping(weights: Mapping[str, float]) -> tuple[float, ...]:
    """Order named, non-negative weights as a seven-vector that sums to one.

    Args:
        weights: emotion name to weight; emotions left out weigh nothing.

    Raises:
        ProtocolError: for an unknown name, a negative or non-finite weight, or no weight at all.
    """
    for name, weight in weights.items():
        if name not in EMOTIONS:
            raise ProtocolError(f"unknown emotion {name!r}; known: {', '.join(EMOTIONS)}")
        if not 0 <= weight < float("inf"):
            raise ProtocolError(f"the weight of {name} is {weight}; give a number of 0 or more")
    total = sum(weights.values())
    if total <= 0:
        raise ProtocolError("no emotion has a weight above 0; give at least one")
    return tuple(weights.get(name, 0.0) / total for name in EMOTIONS)


def dominant_emotion(probabilities: Sequence[float]) -> str:
    """Name the emotion with the highest of seven probabilities."""
    return max(zip(probabilities, EMOTIONS, strict=True))[1]
