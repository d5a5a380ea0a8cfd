"""The vectors that are compared: of songs, and of what was seen or asked for.

Both kinds of matching compare unit vectors by their inner product; they differ in what a vector
says. ADR 0019 has the figures that decided.

- `plane`: a song is lifted from its point of the valence-arousal plane onto a sphere, a mood is a
  direction. The product is how far the song lies in that direction, from -1 to 1. As a song
  lies the nearer to the middle the less is known of it, sure songs come first.
- `cosine`: the seven emotions of the song and those of the face, each divided by its length.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from moodcue.errors import ProtocolError
from moodcue.songs import SongTable
from moodcue.taxonomy import EMOTIONS, Emotion

Point = tuple[float, float]
"""Valence and arousal, each -1 to 1."""

MUSIC_PLACES: Mapping[Emotion, Point] = MappingProxyType(
    {
        Emotion.ANGER: (-1.0, 1.0),
        Emotion.DISGUST: (-1.0, 1.0),
        Emotion.FEAR: (-1.0, 1.0),
        Emotion.HAPPINESS: (1.0, 1.0),
        Emotion.SADNESS: (-1.0, -1.0),
        Emotion.SURPRISE: (0.4, 1.0),
        Emotion.NEUTRAL: (0.5, -1.0),
    }
)
"""Where the music lies that goes with what a face shows: the corner of Russell's quadrant.

These are not the places of the emotions themselves (`moodcue.taxonomy`): no basic emotion is calm
and pleasant, and people whose faces show nothing in particular are given calm, pleasant music, calm
before pleasant, as that is heard more surely. Of surprise nobody can say whether it is a pleasant
one; it leans to the pleasant side.
"""

SHARPNESS = 4.0
"""Exponent of the probabilities before they are averaged, so that what is shown most decides."""

DECIDED = 0.4
"""Distance from the middle of the plane from which a point is a direction and nothing else.

Nearer to the middle it asks for songs of the middle, too: a face that shows many things at once is
no reason for the saddest song.
"""

_LEAST_LENGTH = 1e-9
_PLACES = [MUSIC_PLACES[Emotion(name)] for name in EMOTIONS]


class Matching(StrEnum):
    """How faces and songs are compared."""

    PLANE = "plane"
    COSINE = "cosine"


def checked_probabilities(probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return seven probabilities as an array whose largest element is 1.

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
    # Squares of tiny weights would vanish.
    scaled: NDArray[np.float64] = vector / peak
    return scaled


def target_of(probabilities: Sequence[float]) -> Point:
    """Return the point of the plane that songs are chosen for: the mean of `MUSIC_PLACES`.

    Each emotion weighs as its probability raised to `SHARPNESS`.

    Args:
        probabilities: seven, none negative, not all 0; see `checked_probabilities`.
    """
    weights = _weights(probabilities)
    valence = sum(w * v for w, (v, _) in zip(weights, _PLACES, strict=True))
    arousal = sum(w * a for w, (_, a) in zip(weights, _PLACES, strict=True))
    # Rounding may carry a mean of corners a little beyond them.
    return _on_plane(valence), _on_plane(arousal)


def _on_plane(value: float) -> float:
    return max(-1.0, min(1.0, value))


def _weights(probabilities: Sequence[float]) -> list[float]:
    # Divided by the largest first: powers of tiny ones would vanish.
    largest = max(probabilities)
    powers = [(p / largest) ** SHARPNESS for p in probabilities]
    total = sum(powers)
    return [power / total for power in powers]


def cosine_query(probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return the unit vector, shape (7,), of seven probabilities.

    Raises:
        ProtocolError: if the probabilities are none.
    """
    vector = checked_probabilities(probabilities)
    unit: NDArray[np.float64] = vector / math.sqrt(float(vector @ vector))
    return unit


def plane_query(target: Point) -> NDArray[np.float64]:
    """Return the unit vector, shape (3,), that finds the songs for a point.

    That of the direction in which the point lies; from `DECIDED` on toward the middle it rises to
    that of the middle.
    """
    across, up = _lift(target)
    return np.array([target[0] * across, target[1] * across, up])


def _lift(target: Point) -> tuple[float, float]:
    """Return by how much a point is stretched, and how high it is lifted, to have length 1."""
    length = math.hypot(*target)
    if length < _LEAST_LENGTH:
        return 0.0, 1.0
    reach = min(1.0, length / DECIDED)
    return reach / length, math.sqrt(1 - reach**2)


def plane_shares(probabilities: Sequence[float], song: NDArray[np.float64]) -> dict[str, float]:
    """Split the product of `plane_query(target_of(probabilities))` and a song by emotions.

    Args:
        probabilities: seven.
        song: its unit vector, shape (3,).

    Returns:
        Each emotion's share, in the order of `EMOTIONS`; they sum to the product.
    """
    across, up = _lift(target_of(probabilities))
    valence, arousal, height = song.tolist()
    return {
        name: weight * ((v * valence + a * arousal) * across + height * up)
        for name, weight, (v, a) in zip(EMOTIONS, _weights(probabilities), _PLACES, strict=True)
    }


def song_vectors(songs: SongTable, matching: Matching) -> NDArray[np.float32]:
    """Return the songs' unit vectors by place: (n, 3) for the plane, (n, 7) for the cosine."""
    if matching is Matching.COSINE:
        lengths = np.linalg.norm(songs.emotions, axis=1, keepdims=True)
        cosine: NDArray[np.float32] = songs.emotions / lengths
        return cosine
    flat = np.stack([songs.valence, songs.arousal], axis=1) / math.sqrt(2)
    height = np.sqrt(np.clip(1 - (flat**2).sum(axis=1), 0, 1))
    return np.column_stack([flat, height]).astype(np.float32)
