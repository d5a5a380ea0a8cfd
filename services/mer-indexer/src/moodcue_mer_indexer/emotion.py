"""From the probabilities of the quadrants to valence, arousal and the seven emotions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodcue.taxonomy import EMOTIONS, VALENCE_AROUSAL

__all__ = ["SongEmotion", "seven_emotions", "summarise"]

TEMPERATURE = 0.25
"""Squared distance on the valence-arousal plane over which an emotion's weight falls to 1/e.

At 0.25 the emotion nearest to the middle of its quadrant clearly leads there, anger, fear and
disgust, which lie close together, share theirs, and calm music (0.8, -0.8), near to which no
basic emotion lies, is four fifths neutral and one fifth happiness.
"""


@dataclass(frozen=True, kw_only=True)
class SongEmotion:
    """What a song expresses.

    Attributes:
        quadrants: Probabilities of Q1 to Q4, sum 1.
        valence: -1 (unpleasant) to 1 (pleasant).
        arousal: -1 (calm) to 1 (energetic).
        emotions: Probabilities in the order of `moodcue.taxonomy.EMOTIONS`, sum 1.
    """

    quadrants: tuple[float, ...]
    valence: float
    arousal: float
    emotions: tuple[float, ...]


def summarise(quadrants: Sequence[float] | NDArray[np.float64]) -> SongEmotion:
    """Return the emotion of a song from the probabilities (sum 1) of Q1 to Q4.

    Valence is the probability of the pleasant half of the plane less that of the other half,
    arousal that of the energetic half less the other.
    """
    happy, tense, sad, calm = quadrants
    valence = float(np.clip(happy + calm - tense - sad, -1, 1))
    arousal = float(np.clip(happy + tense - sad - calm, -1, 1))
    return SongEmotion(
        quadrants=tuple(float(p) for p in quadrants),
        valence=valence,
        arousal=arousal,
        emotions=seven_emotions(valence=valence, arousal=arousal),
    )


def seven_emotions(*, valence: float, arousal: float) -> tuple[float, ...]:
    """Return seven probabilities for a point of the plane (each -1 to 1).

    A softmax of the negative squared distances to the emotions' own points, over `TEMPERATURE`.
    """
    points = np.array([VALENCE_AROUSAL[emotion] for emotion in EMOTIONS])
    distances = ((points - (valence, arousal)) ** 2).sum(axis=1)
    weights = np.exp(-(distances - distances.min()) / TEMPERATURE)
    return tuple(float(weight) for weight in weights / weights.sum())
