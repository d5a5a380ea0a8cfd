"""One mood of several people: whose it is, how many counted, how far they disagree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from moodcue.events import MIN_PRESENCE, EmotionWindow, HoldReason, TrackEmotion

_ROUNDS = 100


class GroupPolicy(StrEnum):
    """Whose mood the songs are chosen for where several people are."""

    MEAN = "mean"
    LEAST_MISERY = "least_misery"
    TAKE_TURNS = "take_turns"
    LEAD = "lead"


@dataclass(frozen=True)
class Gathering:
    """The mood of those who were there.

    Attributes:
        probabilities: seven, in the order of `EMOTIONS`; none on a hold.
        people: how many counted.
        disagreement: 0 to 1, see `disagreement_of`.
        leader: track whose mood it is; 0 where it is that of all.
        hold: why there is none.
    """

    probabilities: tuple[float, ...] | None
    people: int
    disagreement: float
    leader: int = 0
    hold: HoldReason | None = None


def gather(
    window: EmotionWindow, policy: GroupPolicy, *, leader: int = 0, next_turn: bool = False
) -> Gathering:
    """Bring the people of a window together.

    People who disagree are a reason to hold for the mean only: the other policies say what to do
    then.

    Args:
        window: with a vector or a hold.
        policy: whose mood counts.
        leader: track that led in the window before; 0: nobody.
        next_turn: whether it is the next one's turn, by `GroupPolicy.TAKE_TURNS`.
    """
    present = _present(window)
    people, disagreement = len(present), disagreement_of([p.probabilities for p in present])
    undecided = window.hold is HoldReason.DISAGREEMENT
    if window.hold is not None and not (undecided and policy is not GroupPolicy.MEAN and present):
        return Gathering(None, people, disagreement, hold=window.hold)
    if policy is GroupPolicy.MEAN or people < 2:  # noqa: PLR2004 - alone there is nothing to decide
        return Gathering(window.probabilities, people, disagreement)
    if policy is GroupPolicy.LEAST_MISERY:
        shared = least_misery([person.probabilities for person in present])
        return Gathering(shared, people, disagreement)
    chosen = _leader(present, leader, next_turn=next_turn and policy is GroupPolicy.TAKE_TURNS)
    return Gathering(chosen.probabilities, people, disagreement, leader=chosen.track)


def _present(window: EmotionWindow) -> list[TrackEmotion]:
    needed = MIN_PRESENCE * window.frames_with_face
    counted = [t for t in window.tracks if t.frames >= needed and sum(t.probabilities) > 0]
    return sorted(counted, key=lambda person: person.track)


def _leader(present: Sequence[TrackEmotion], leader: int, *, next_turn: bool) -> TrackEmotion:
    """Return who leads: the one who did, or the next by number; who was there first begins."""
    after = (person for person in present if person.track > leader - (not next_turn))
    return next(after, present[0])


def disagreement_of(vectors: Sequence[Sequence[float]]) -> float:
    """Return the mean Jensen-Shannon divergence (Lin, 1991) of all pairs, to the base 2: 0 to 1.

    Args:
        vectors: the people's probabilities; 0 for fewer than two.
    """
    pairs = list(combinations([_normalised(vector) for vector in vectors], 2))
    if not pairs:
        return 0.0
    mean = math.fsum(_jensen_shannon(one, other) for one, other in pairs) / len(pairs)
    return max(0.0, min(1.0, mean))


def _jensen_shannon(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    middle = (one + other) / 2
    return (_divergence(one, middle) + _divergence(other, middle)) / 2


def _divergence(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    there = one > 0
    return float(np.sum(one[there] * np.log2(one[there] / other[there])))


def least_misery(vectors: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return the mood to which the least fitting of several people fits best.

    Fit is the cosine, so it is the centre of the smallest ball around the people's unit vectors,
    found by walking ever shorter ways toward the farthest (Badoiu and Clarkson, 2003).

    Args:
        vectors: the people's probabilities, at least one.

    Returns:
        Seven probabilities that sum to 1.
    """
    units = np.array(vectors, dtype=np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    centre = units[0]
    for walked in range(1, _ROUNDS + 1):
        farthest = units[np.argmin(units @ centre / np.linalg.norm(centre))]
        centre = centre + (farthest - centre) / (walked + 1)
    return tuple(float(value) for value in _normalised(centre))


def _normalised(vector: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(vector, dtype=np.float64)
    normalised: NDArray[np.float64] = values / values.sum()
    return normalised
