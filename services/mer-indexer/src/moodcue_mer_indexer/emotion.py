"""From the probabilities of the quadrants to valence, arousal and the seven emotions."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from moodcue.taxonomy import emotions_at

MOMENTS_AT_MOST: Final = 240
"""Of a trajectory; a longer one is averaged over neighbours, so that an hour costs no more."""

LEAST_PROBABILITY: Final = 1e-6
"""Of a quadrant in a patch, so that no patch alone can exclude it."""


class Moment(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a song expresses over some seconds of it.

    Attributes:
        seconds: From the start of the song to the start of the moment.
        valence: -1 (unpleasant) to 1 (pleasant).
        arousal: -1 (calm) to 1 (energetic).
    """

    seconds: float
    valence: float
    arousal: float


class SongEmotion(msgspec.Struct, frozen=True, kw_only=True):
    """What a song expresses.

    Attributes:
        quadrants: Probabilities of Q1 to Q4, sum 1.
        valence: -1 (unpleasant) to 1 (pleasant).
        arousal: -1 (calm) to 1 (energetic).
        uncertainty: Entropy of the quadrants as a share of the largest possible, 0 to 1.
        emotions: Probabilities in the order of `moodcue.taxonomy.EMOTIONS`, sum 1.
        trajectory: The course of the song in equal steps, at least one moment.
    """

    quadrants: tuple[float, ...]
    valence: float
    arousal: float
    uncertainty: float
    emotions: tuple[float, ...]
    trajectory: tuple[Moment, ...]


def summarise(patches: ArrayLike, *, patch_seconds: float) -> SongEmotion:
    """Return the emotion of a song from those of its patches.

    The song has the normalised geometric mean of its patches' probabilities, in which a patch
    counts the more the surer the model is of it; it is also the mean by which the model was
    calibrated.

    Valence is the probability of the pleasant half of the plane less that of the other half,
    arousal that of the energetic half less the other.

    Args:
        patches: Probabilities (sum 1) of Q1 to Q4 of at least one patch, in order, shape
            ``(patches, 4)``.
        patch_seconds: From the start of one patch to the start of the next.
    """
    rows = np.asarray(patches, dtype=np.float64)
    quadrants = _pool(rows)
    valence, arousal = _plane(quadrants[None])[0]
    known = quadrants[quadrants > 0]
    return SongEmotion(
        quadrants=tuple(float(p) for p in quadrants),
        valence=float(valence),
        arousal=float(arousal),
        uncertainty=float(np.clip(-(known * np.log(known)).sum() / np.log(len(quadrants)), 0, 1)),
        emotions=emotions_at(valence=float(valence), arousal=float(arousal)),
        trajectory=_trajectory(rows, patch_seconds=patch_seconds),
    )


def _pool(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normalised geometric mean ``(4,)`` of rows of probabilities."""
    logarithms = np.log(np.maximum(rows, LEAST_PROBABILITY)).mean(axis=0)
    return np.asarray(softmax(logarithms))


def _plane(quadrants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return valence and arousal, shape ``(rows, 2)``, of rows of quadrant probabilities."""
    happy, tense, sad, calm = quadrants.T
    plane = np.stack([happy + calm - tense - sad, happy + tense - sad - calm], axis=1)
    return np.asarray(np.clip(plane, -1, 1))


def _trajectory(rows: NDArray[np.float64], *, patch_seconds: float) -> tuple[Moment, ...]:
    per_moment = -(-len(rows) // MOMENTS_AT_MOST)
    starts = np.arange(0, len(rows), per_moment)
    sums = np.add.reduceat(rows, starts, axis=0)
    means = sums / sums.sum(axis=1, keepdims=True)
    return tuple(
        Moment(seconds=float(start * patch_seconds), valence=float(v), arousal=float(a))
        for start, (v, a) in zip(starts, _plane(means), strict=True)
    )
