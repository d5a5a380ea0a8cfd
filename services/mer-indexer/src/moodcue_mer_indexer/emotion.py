"""From the probabilities of the quadrants to valence, arousal and the seven emotions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodcue.taxonomy import emotions_at

__all__ = ["SongEmotion", "summarise"]


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
        emotions=emotions_at(valence=valence, arousal=arousal),
    )
