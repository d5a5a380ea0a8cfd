"""What a labelled song is, and how ratings of valence and arousal become quadrants."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moodcue.errors import MoodcueError
from moodcue.taxonomy import QUADRANTS, quadrant_of
from moodcue_mer_indexer.emotion import Moment

RATING_DEVIATION: Final = 0.37
"""How far people disagree on a song where a table does not say so, in units of -1 to 1.

The mean of the deviations that DEAM states is 1.5 on its scale from 1 to 9.
"""

# Two people who agree to the last digit do not make a rating certain.
_LEAST_DEVIATION = 0.05


class DatasetError(MoodcueError):
    """A folder of labelled music that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class LabelledSong:
    """One song of a dataset.

    Attributes:
        file: Path of the audio relative to the dataset's folder, with forward slashes.
        path: The audio itself.
        quadrant: Index into `moodcue.taxonomy.QUADRANTS`.
        artist: Artist, by whom songs are kept on one side of a split.
        targets: Probabilities of Q1 to Q4, sum 1, that training aims at.
        course: What listeners felt in the course of the song; empty where nobody asked them.
    """

    file: str
    path: Path
    quadrant: int
    artist: str
    targets: tuple[float, ...]
    course: tuple[Moment, ...] = ()


def certain(quadrant: int) -> tuple[float, ...]:
    """Return the probabilities of a quadrant that nobody doubts."""
    return tuple(float(index == quadrant) for index in range(len(QUADRANTS)))


def quadrant_at(*, valence: float, arousal: float) -> int:
    """Return the place in `QUADRANTS` of a point of the plane, 0 to 3."""
    return QUADRANTS.index(quadrant_of(valence=valence, arousal=arousal))


def quadrant_probabilities(
    *, valence: float, valence_std: float, arousal: float, arousal_std: float
) -> tuple[float, ...]:
    """Return the share of listeners whose own rating lies in each quadrant.

    Ratings are taken as normal and the two axes as independent of each other, for tables state
    means and deviations alone.

    Args:
        valence: Mean, -1 to 1.
        valence_std: Deviation between listeners, in the same units.
        arousal: Mean, -1 to 1.
        arousal_std: Deviation between listeners, in the same units.

    Returns:
        Probabilities of Q1 to Q4, sum 1.
    """
    pleasant = _share_above_zero(valence, valence_std)
    energetic = _share_above_zero(arousal, arousal_std)
    return (
        pleasant * energetic,
        (1 - pleasant) * energetic,
        (1 - pleasant) * (1 - energetic),
        pleasant * (1 - energetic),
    )


def number_in(
    row: Mapping[str, str], column: str, *, low: float, high: float, table: Path
) -> float:
    """Return the number in a column of a row.

    Raises:
        DatasetError: There is none, or it is not from `low` to `high`.
    """
    text = row.get(column) or ""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        stated = ", ".join(list(map(str, row.values()))[:3])
        raise DatasetError(
            f"{table}: {column} is {text!r} in the row {stated!r}; "
            f"write a number from {low:g} to {high:g}"
        )
    return number


def _share_above_zero(mean: float, deviation: float) -> float:
    return (1 + math.erf(mean / max(deviation, _LEAST_DEVIATION) / math.sqrt(2))) / 2
