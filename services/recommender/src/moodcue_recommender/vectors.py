"""The vectors that are compared: from what was seen or asked for to a unit vector.

This is the one place that decides how a query looks; the index holds the songs' side.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moodcue.errors import ProtocolError
from moodcue.taxonomy import EMOTIONS


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
