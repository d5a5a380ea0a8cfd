"""Choosing songs: cosine similarity of seven-vectors, skipping what was recommended lately."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodcue.events import SongMatch
from moodcue.songs import Song
from moodcue.taxonomy import EMOTIONS
from moodcue_recommender.library import Library
from moodcue_recommender.reasons import reason_for
from moodcue_recommender.vectors import query_vector


@dataclass(frozen=True)
class Ranking:
    """The chosen songs.

    Attributes:
        songs: best first; equal scores in the order of their ids.
        repeated: how many of them came again too early, because the library has no others.
    """

    songs: tuple[SongMatch, ...]
    repeated: int


def rank(
    library: Library,
    probabilities: Sequence[float],
    *,
    count: int,
    recent: Sequence[int] = (),
) -> Ranking:
    """Choose the songs whose vectors have the highest cosine with that of the probabilities.

    Songs of `recent` are passed over. Where the others are too few, those that were recommended
    longest ago come again.

    Args:
        library: to choose from.
        probabilities: seven, in the order of `EMOTIONS`.
        count: how many songs; fewer if the library has fewer.
        recent: ids of the songs recommended lately, oldest first.

    Raises:
        ProtocolError: if the probabilities are none.
    """
    query = query_vector(probabilities)
    position = {song: place for place, song in enumerate(recent)}
    # At most every remembered song is among the nearest, so this many leave `count` others.
    found = library.nearest(query, count + len(position))
    scored = {song: _contributions(query, library.vector(song)) for song in found}
    ordered = sorted(found, key=lambda song: (-_score(scored[song]), song))
    fresh = [song for song in ordered if song not in position][:count]
    known = sorted((song for song in ordered if song in position), key=position.__getitem__)
    repeats = set(known[: count - len(fresh)])
    chosen = repeats.union(fresh)
    songs = tuple(
        _match(library.songs.song(song), scored[song], repeated=song in repeats)
        for song in ordered
        if song in chosen
    )
    return Ranking(songs, len(repeats))


def _contributions(query: NDArray[np.float64], song: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(EMOTIONS, (query * song).tolist(), strict=True))


def _score(contributions: dict[str, float]) -> float:
    # Rounding may carry the cosine of two unit vectors a little beyond 1.
    return max(-1.0, min(1.0, sum(contributions.values())))


def _match(song: Song, contributions: dict[str, float], *, repeated: bool) -> SongMatch:
    return SongMatch(
        song=song.key,
        title=song.title,
        artist=song.artist,
        path=song.path,
        score=_score(contributions),
        emotions=song.emotions,
        valence=song.valence,
        arousal=song.arousal,
        contributions=contributions,
        reason=reason_for(contributions, repeated=repeated),
    )
