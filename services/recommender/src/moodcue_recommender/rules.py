"""What happens to the songs that fit, before some of them are recommended.

All rules speak in units of fit, the inner product of listener and song, so that they can be
weighed against it. ADR 0019 has the figures that decided the weights.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


_FAR = 1e6
"""More than all rules weigh together."""


class Rule(StrEnum):
    """Why a song is not where its fit alone would put it."""

    MEMORY = "memory"
    OFTEN = "often"
    ARTIST = "artist"
    VARIETY = "variety"
    FOLLOWS = "follows"
    TASTE = "taste"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much the rules weigh; fit goes from -1 to 1.

    Attributes:
        repeat_memory: no song comes again within so many, as long as enough others fit.
        margin: songs whose fit is at most this much below the best one's fit the mood.
        pool: share of the library that may fit a mood, so that a large one is used for its best.
        widening: how much wider the choice is for an undecided face: what is added to margin and
            pool, times the share that its strongest emotion lacks to a half.
        slope: what counts of the difference in fit between two songs that both fit: enough to
            decide between songs that have waited as long as each other.
        wait: what each doubling of the songs since it last came is worth to a song. Among the
            songs that fit, it decides; a song that does not fit needs patience.
        share: a song may come so many times as often as if all songs came equally often.
        often: what each doubling beyond that costs it, up to the margin, so that no song that does
            not fit comes in its place.
        variety: what is taken from a song that sounds as one that is already chosen (the weight
            of maximal marginal relevance, Carbonell and Goldstein 1998).
        artist_cap: songs of one artist in one answer.
        artist_cost: the most fit that the cap may cost.
    """

    repeat_memory: int = 20
    margin: float = 0.33
    pool: float = 0.1
    widening: float = 1.5
    slope: float = 0.002
    wait: float = 0.01
    share: float = 2.7
    often: float = 1.0
    variety: float = 0.003
    artist_cap: int = 1
    artist_cost: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Songs to choose from, best fit first; k of them.

    Attributes:
        fit: inner products, shape (k,), descending.
        wait: songs since each was recommended, from 1, shape (k,).
        times: how often each was recommended, as far as it is remembered, shape (k,).
        taste: what the listeners' feedback adds to each, in units of fit, shape (k,).
        stays: which come in any case, as long as there is room, shape (k,).
        sound: how each sounds, shape (k, d), in units of the valence-arousal plane.
        artist: gives the artist of one, "" where nobody knows.
        recording: gives what is the same for two files of one recording.
    """

    fit: Vector
    wait: Vector
    times: Vector
    taste: Vector
    stays: NDArray[np.bool_]
    sound: Vector
    artist: Callable[[int], str]
    recording: Callable[[int], str]


@dataclass(frozen=True)
class Choice:
    """One chosen song.

    Attributes:
        position: among the candidates, so that `position` + 1 is its rank by fit alone.
        moved_by: the rule by which most of the songs that fit better were passed over; none where
            all of them are chosen, too.
        early: whether it comes again within the memory, for want of others that fit.
    """

    position: int
    moved_by: Rule | None
    early: bool


def widened(weights: Weights, probabilities: Sequence[float]) -> Weights:
    """Return the weights for a listener of whom this much is known.

    Args:
        weights: for one whose strongest emotion has at least half of the probability.
        probabilities: seven, not all 0.
    """
    lacking = max(0.0, 1 - 2 * max(probabilities) / sum(probabilities))
    wider = weights.widening * lacking
    return replace(weights, margin=weights.margin + wider, pool=weights.pool + wider)


def choose(
    candidates: Candidates, weights: Weights, *, count: int, library: int, due: float
) -> list[Choice]:
    """Choose songs one after another, each the best of those that are left.

    Args:
        candidates: to choose from.
        weights: of the rules.
        count: how many; fewer where there are fewer recordings.
        library: how many songs there are in all, of which the candidates are the nearest.
        due: how often each song of the library would have come if all came equally often.

    Returns:
        The songs, best fit first.
    """
    fits = fitting(candidates.fit, weights, count=count, library=library)
    waited = weights.wait * np.log2(candidates.wait)
    crowding = _crowding(candidates.times, weights, due=due)
    # What fits, fits nearly equally: whichever of it has waited longest comes first.
    least = candidates.fit[fits - 1]
    above = np.maximum(candidates.fit - least, 0)
    value = candidates.fit - (1 - weights.slope) * above + waited + candidates.taste - crowding
    # The memory shrinks with what fits: better the same sad song than a cheerful one.
    memory = min(weights.repeat_memory, max(0, fits - count))
    ready = candidates.stays | (candidates.wait > memory)
    shelf = _Shelf(candidates, weights)
    sameness = np.zeros(len(value))
    paid = np.zeros(len(value))
    chosen: list[int] = []
    while len(chosen) < count:
        left = shelf.open & ready
        worth = value - weights.variety * sameness if left.any() else candidates.wait
        worth = worth + _FAR * candidates.stays
        taken = shelf.take(np.where(left if left.any() else shelf.open, worth, -np.inf))
        if taken is None:
            break
        paid[taken] = sameness[taken]
        chosen.append(taken)
        alike = likeness(candidates.sound, candidates.sound[taken])
        sameness = np.maximum(sameness, alike)
    passed = np.setdiff1d(np.arange(max(chosen)), chosen)
    sameness[chosen] = paid[chosen]
    lacks = {
        Rule.MEMORY: np.where(ready, waited, -_FAR),
        Rule.OFTEN: -crowding,
        Rule.TASTE: candidates.taste,
        Rule.VARIETY: -weights.variety * sameness,
        Rule.ARTIST: np.where(shelf.capped, -_FAR, 0.0),
    }
    return [
        Choice(
            position,
            _mover(position, passed[passed < position], lacks),
            early=bool(candidates.wait[position] <= weights.repeat_memory),
        )
        for position in sorted(chosen)
    ]


def fitting(fit: Vector, weights: Weights, *, count: int, library: int) -> int:
    """Return how many of the candidates fit, at least one.

    Args:
        fit: descending.
        weights: `margin` and `pool` decide.
        count: of an answer; the pool holds at least five answers.
        library: how many songs there are in all.
    """
    near = int(np.searchsorted(-fit, weights.margin - fit[0], side="right"))
    return max(1, min(near, max(5 * count, round(weights.pool * library))))


def _crowding(times: Vector, weights: Weights, *, due: float) -> Vector:
    """Return what it costs songs to have come so many times; once is never too often."""
    excess = times / max(1.0, weights.share * due)
    cost: Vector = weights.often * np.log2(np.maximum(1, excess))
    return np.minimum(cost, weights.margin)


def likeness(sounds: Vector, sound: Vector) -> Vector:
    """Return how alike songs sound, 0 to 1: 1 for the same, half of it at a distance of 1.

    Args:
        sounds: shape (k, d).
        sound: shape (d,).
    """
    alike: Vector = 1 / (1 + ((sounds - sound) ** 2).sum(axis=1))
    return alike


class _Shelf:
    """The songs that can still be taken; a recording only once, an artist up to the cap."""

    def __init__(self, candidates: Candidates, weights: Weights) -> None:
        self._candidates = candidates
        self._weights = weights
        self._artists = Counter[str]()
        self._recordings: set[str] = set()
        self.open = np.ones(len(candidates.fit), dtype=np.bool_)
        self.capped = np.zeros(len(candidates.fit), dtype=np.bool_)

    def take(self, worth: Vector) -> int | None:
        """Take the song that is worth most, -inf for those that may not be; none if there is none.

        A song whose artist has been taken often enough is passed over, unless the next one fits
        too much worse than the best of those that were.
        """
        passed: list[int] = []
        for position in np.argsort(-worth, kind="stable").tolist():
            if worth[position] == -np.inf:
                break
            if self._candidates.recording(position) in self._recordings:
                self.open[position] = False
            elif self._costs_too_much(position, passed):
                break
            elif self._is_capped(position):
                self.capped[position] = True
                passed.append(position)
            else:
                return self._taken(position)
        return self._taken(passed[0]) if passed else None

    def _costs_too_much(self, position: int, passed: list[int]) -> bool:
        fit = self._candidates.fit
        # The candidates are in the order of their fit.
        return bool(passed) and fit[min(passed)] - fit[position] > self._weights.artist_cost

    def _is_capped(self, position: int) -> bool:
        artist = self._candidates.artist(position)
        return artist != "" and self._artists[artist] >= self._weights.artist_cap

    def _taken(self, position: int) -> int:
        self.open[position] = False
        self._artists[self._candidates.artist(position)] += 1
        self._recordings.add(self._candidates.recording(position))
        return position


def _mover(position: int, passed: NDArray[np.int_], lacks: dict[Rule, Vector]) -> Rule | None:
    """Name the rule by which most of the passed songs lack most against a chosen one."""
    if not len(passed):
        return None
    gaps = np.stack([lack[position] - lack[passed] for lack in lacks.values()])
    votes = np.bincount(gaps.argmax(axis=0), minlength=len(lacks))
    return list(lacks)[int(votes.argmax())]
