"""What people look like, as numbers of a description: running means and differences.

The description is that of `Face.appearance`: figures in units of what they vary by on one person,
exactly 0 where nothing was to be seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Figures = Sequence[float]

_LEAST_COMMON = 6
"""Figures that two descriptions must share to be compared."""

_MOST_APART = 4.0
"""A single figure tells no more than this: a hand before the mouth is no other person."""

_LONGEST_MEAN = 50
"""Descriptions after which newer ones weigh more than the oldest, so that a mean can follow."""


@dataclass
class Looks:
    """The mean of the descriptions of one person.

    Attributes:
        count: how many went into it.
        mean: of each figure, over the descriptions in which it was seen; 0 for none.
        weights: in how many that was, at most 50.
    """

    count: int = 0
    mean: list[float] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)

    def add(self, figures: Figures) -> None:
        """Take one more description; one of another length than before is left out."""
        self._add(figures, [1 if figure else 0 for figure in figures], count=1)

    def merge(self, other: "Looks") -> None:
        """Take all that has gone into another mean."""
        self._add(other.mean, other.weights, count=other.count)

    def _add(self, figures: Figures, weights: Sequence[int], *, count: int) -> None:
        if not self.mean:
            self.mean, self.weights = [0.0] * len(figures), [0] * len(figures)
        if len(figures) != len(self.mean):
            return
        self.count += count
        for i, (figure, weight) in enumerate(zip(figures, weights, strict=True)):
            if weight:
                self.weights[i] = min(self.weights[i] + weight, _LONGEST_MEAN)
                self.mean[i] += (figure - self.mean[i]) * weight / self.weights[i]


@dataclass(frozen=True)
class Difference:
    """How two descriptions differ.

    Attributes:
        apart: root of the mean squared difference of the figures that both have, each of them at
            most 4; about 1 or less for one person.
        common: how many figures that are.
    """

    apart: float
    common: int


def compare(one: Figures, other: Figures) -> Difference | None:
    """Compare two descriptions; none if they have too little in common to say anything."""
    if len(one) != len(other):
        return None
    squares = [
        min(abs(a - b), _MOST_APART) ** 2 for a, b in zip(one, other, strict=True) if a and b
    ]
    if len(squares) < _LEAST_COMMON:
        return None
    return Difference(math.sqrt(math.fsum(squares) / len(squares)), len(squares))
