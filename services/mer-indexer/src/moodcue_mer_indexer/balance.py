"""What a library holds: how many songs of which mood, and what it lacks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodcue.moods import POINT_WORDS
from moodcue.songs import SongTable, known_artist
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.moods import SURE, nearest, quadrant_name

_SONGS_PER_WORD = 3
_FEW = 0.05
"""Share of the songs below which a quadrant has too few to choose five from in most libraries."""
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The figures of a library.

    Attributes:
        songs: How many.
        hours: Of music.
        artists: How many, those without a name not counted.
        duplicates: Files that hold a recording that another file holds.
        quadrants: Songs in each quadrant.
        sure: Songs of each quadrant whose probability is at least `SURE`.
        valence: Mean and standard deviation, -1 to 1.
        arousal: Likewise.
        uncertainty: Mean, 0 to 1.
        nearest: The songs nearest to each mood word, if any are near, as "artist - title".
    """

    songs: int
    hours: float
    artists: int
    duplicates: int
    quadrants: tuple[int, ...]
    sure: tuple[int, ...]
    valence: tuple[float, float]
    arousal: tuple[float, float]
    uncertainty: float
    nearest: dict[str, list[str]]

    def warnings(self) -> Iterator[str]:
        """Yield what the library lacks, in words."""
        for quadrant, count in zip(QUADRANTS, self.quadrants, strict=True):
            if count < _FEW * self.songs:
                many = "no songs" if count == 0 else f"only {count} of {self.songs} songs"
                yield f"{many} in {quadrant}, {quadrant_name(quadrant)}"

    def as_json(self) -> dict[str, Any]:
        """Return the figures fit for JSON."""
        return {
            "songs": self.songs,
            "hours": round(self.hours, 2),
            "artists": self.artists,
            "duplicates": self.duplicates,
            "quadrants": {
                quadrant: {
                    "name": quadrant_name(quadrant),
                    "songs": count,
                    "share": round(count / self.songs, 3),
                    "sure": sure,
                }
                for quadrant, count, sure in zip(QUADRANTS, self.quadrants, self.sure, strict=True)
            },
            "valence": _spread(self.valence),
            "arousal": _spread(self.arousal),
            "uncertainty": round(self.uncertainty, 3),
            "nearest": self.nearest,
            "warnings": list(self.warnings()),
        }


def quadrants_of(songs: SongTable) -> NDArray[np.intp]:
    """Return the number of the quadrant that each song's point lies in, 0 to 3, shape (n,)."""
    upper, right = songs.arousal >= 0, songs.valence >= 0
    numbers: NDArray[np.intp] = np.where(upper, np.where(right, 0, 1), np.where(right, 3, 2))
    return numbers


def balance_of(songs: SongTable) -> Balance:
    """Return the figures of a library; each song is read once."""
    artists, seconds, duplicates = set(), 0.0, 0
    for song in songs:
        artists.add(known_artist(song.artist).casefold())
        seconds += song.duration_seconds
        duplicates += len(song.duplicates)
    artists.discard("")
    where = quadrants_of(songs)
    sure = songs.quadrants.max(axis=1) >= SURE
    return Balance(
        songs=len(songs),
        hours=seconds / _SECONDS_PER_HOUR,
        artists=len(artists),
        duplicates=duplicates,
        quadrants=_counts(where),
        sure=_counts(where[sure]),
        valence=(float(songs.valence.mean()), float(songs.valence.std())),
        arousal=(float(songs.arousal.mean()), float(songs.arousal.std())),
        uncertainty=float(songs.uncertainty.mean()),
        nearest={
            word: _names(songs, nearest(songs, point, _SONGS_PER_WORD))
            for word, point in sorted(POINT_WORDS.items())
        },
    )


def _counts(quadrants: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(np.bincount(quadrants, minlength=len(QUADRANTS)).tolist())


def _names(songs: SongTable, places: Sequence[int]) -> list[str]:
    found = [songs.song(int(songs.ids[place])) for place in places]
    return [f"{song.artist} - {song.title}" for song in found]


def _spread(values: tuple[float, float]) -> dict[str, float]:
    mean, deviation = values
    return {"mean": round(mean, 3), "deviation": round(deviation, 3)}
