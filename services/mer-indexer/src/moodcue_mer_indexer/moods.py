"""Which songs have which mood, and how sure that is."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodcue.moods import POINT_WORDS, QUADRANT_WORDS
from moodcue.songs import SongTable
from moodcue.taxonomy import QUADRANTS

SURE: Final = 0.5
"""Least probability of a quadrant by default: more likely than the three others together."""

WORD_RADIUS: Final = 0.4
"""How far from the point of a mood word its songs may lie: two fifths of the way from the middle
to an edge, so that words that mean much the same share songs, and opposites none."""


def quadrant_name(quadrant: str) -> str:
    """Return what a quadrant is called: both its words."""
    return " and ".join(QUADRANT_WORDS[quadrant])


def is_sure(quadrants: Sequence[float], *, least: float = SURE) -> bool:
    """Return whether a song's most probable quadrant is at least so probable."""
    return max(quadrants) >= least


def places_by_mood(songs: SongTable, *, sure: float = SURE) -> dict[str, list[int]]:
    """Return the songs of each quadrant and each mood word, by the mood's name.

    A quadrant has the songs that it is sure of, the most probable first. A word has those of them
    (of any quadrant) within `WORD_RADIUS` of its point, the nearest first.

    Args:
        songs: The library.
        sure: Least probability of a song's quadrant.
    """
    certain = songs.quadrants.max(axis=1) >= sure
    moods = {}
    for column, quadrant in enumerate(QUADRANTS):
        inside = certain & (songs.quadrants.argmax(axis=1) == column)
        moods[quadrant_name(quadrant)] = _in_order(-songs.quadrants[:, column], inside)
    for word, point in sorted(POINT_WORDS.items()):
        distances = _distances(songs, point)
        moods[word] = _in_order(distances, certain & (distances <= WORD_RADIUS))
    return moods


def nearest(songs: SongTable, point: tuple[float, float], count: int) -> list[int]:
    """Return the places of the songs nearest to a point (valence, arousal), the nearest first.

    None is further away than `WORD_RADIUS`.
    """
    distances = _distances(songs, point)
    return _in_order(distances, distances <= WORD_RADIUS)[:count]


def _distances(songs: SongTable, point: tuple[float, float]) -> NDArray[np.float32]:
    valence, arousal = point
    distances: NDArray[np.float32] = np.hypot(songs.valence - valence, songs.arousal - arousal)
    return distances


def _in_order(keys: NDArray[np.float32], inside: NDArray[np.bool_]) -> list[int]:
    places = np.flatnonzero(inside)
    return [int(place) for place in places[np.argsort(keys[places], kind="stable")]]
