"""The vectors that are compared: from what was seen or asked for to a unit vector.

This is the one place that decides how a query looks; the index holds the songs' side.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moodcue.errors import ProtocolError
from moodcue.taxonomy import EMOTIONS, VALENCE_AROUSAL

_TEMPERATURE = 0.25
"""Squared distance on the plane over which an emotion's weight falls to 1/e, as for songs."""


def query_vector(probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return the unit vector, shape (7,), of seven probabilities in the order of `EMOTIONS`.

    Raises:
        ProtocolError: if they are not seven finite numbers of 0 or more, or all are zero.
    """
    vector = np.asarray(probabilities, dtype=np.float64)
    if vector.shape != (len(EMOTIONS),) or not np.isfinite(vector).all() or (vector < 0).any():
        raise ProtocolError(
            f"{list(probabilities)} are not {len(EMOTIONS)} probabilities; "
            f"give one for each of {', '.join(EMOTIONS)}"
        )
    peak = vector.max()
    if peak == 0:
        raise ProtocolError("all seven probabilities are 0; give at least one emotion a weight")
    # Divided by the peak first: squares of tiny weights would vanish.
    scaled: NDArray[np.float64] = vector / peak
    return scaled / math.sqrt(float(scaled @ scaled))


def seven_of_point(valence: float, arousal: float) -> tuple[float, ...]:
    """Return seven probabilities for a point of the valence-arousal plane (each -1 to 1).

    A softmax of the negative squared distances to the emotions' own points: the mapping by which
    the songs got theirs, so that a point finds the songs that lie near it.

    Raises:
        ProtocolError: if the point lies outside the plane.
    """
    for name, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise ProtocolError(f"{name} is {value}; give a number from -1 to 1")
    points = np.array([VALENCE_AROUSAL[emotion] for emotion in EMOTIONS])
    distances = ((points - (valence, arousal)) ** 2).sum(axis=1)
    weights = np.exp((distances.min() - distances) / _TEMPERATURE)
    return tuple(float(weight) for weight in weights / weights.sum())
