"""Two ways to fit readings to a room or a person without training: prior and neutral baseline."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from moodcue.taxonomy import EMOTIONS

SMALLEST: Final = 1e-6
"""Smallest probability that a logarithm is taken of."""


def correct_prior(
    probabilities: npt.NDArray[np.float32],
    *,
    trained: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Correct readings for a mix of emotions other than the one that was trained on.

    By Bayes' rule each probability is multiplied by the ratio of the two priors (Saerens et al.,
    2002).

    Args:
        probabilities: Shape (faces, 7).
        trained: Shares of the emotions in the training data, shape (7,), sum 1.
        expected: Shares where the faces come from, shape (7,), sum 1.

    Returns:
        float32, shape (faces, 7), each row sums to 1.
    """
    return _normalised(probabilities * (expected / np.maximum(trained, SMALLEST)))


def shift_neutral(
    probabilities: npt.NDArray[np.float32],
    *,
    own: npt.NDArray[np.float64],
    usual: npt.NDArray[np.float64],
    strength: float,
) -> npt.NDArray[np.float32]:
    """Take out how a person's neutral face differs from the usual neutral face.

    A face that looks sad at rest is read as sad all the time; the difference between the logits
    of the own and the usual neutral face is what is subtracted.

    Args:
        probabilities: Shape (faces, 7).
        own: Mean log probabilities of the person's neutral face, shape (7,).
        usual: Mean log probabilities of neutral faces of many people, shape (7,).
        strength: Share of the difference that is taken out, 0..1.

    Returns:
        float32, shape (faces, 7), each row sums to 1.
    """
    return _normalised(probabilities * np.exp(-strength * (own - usual)))


def baseline(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the mean log probabilities, shape (7,), of readings of shape (faces, 7).

    Raises:
        ValueError: There is no reading.
    """
    if len(probabilities) == 0:
        raise ValueError("no face was read, so there is no baseline")
    logs = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    return np.asarray(logs.mean(axis=0), dtype=np.float64)


def parse_shares(text: str) -> tuple[float, ...]:
    """Read shares of emotions such as `happiness=0.4,neutral=0.5`; the rest is spread evenly.

    Returns:
        Seven shares in the order of `EMOTIONS`, sum 1.

    Raises:
        ValueError: An entry is none, a name is unknown or twice there, or the sum is above 1.
    """
    given: dict[str, float] = {}
    for entry in text.split(","):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in EMOTIONS or name in given:
            raise ValueError(f"{entry.strip()!r}: write each of {', '.join(EMOTIONS)} once at most")
        given[name] = _share(value, entry)
    rest = 1 - math.fsum(given.values())
    others = [name for name in EMOTIONS if name not in given]
    if rest < -SMALLEST or (not others and rest > SMALLEST):
        raise ValueError(f"the shares in {text!r} sum to {1 - rest:g}, not to 1")
    spread = max(0.0, rest) / len(others) if others else 0.0
    return tuple(given.get(name, spread) for name in EMOTIONS)


def _share(value: str, entry: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{entry.strip()!r}: write a share from 0 to 1, such as happiness=0.4")
    return share


def _normalised(weights: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    floored = np.maximum(weights, np.finfo(np.float64).tiny)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True), dtype=np.float32)
