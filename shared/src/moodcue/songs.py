"""The songs of a published index: columns of numbers to compute with, a table to look into.

    songs.npy       the numbers of all songs, one array after another
    songs.sqlite    path, tags and course of every song

Both hold the songs in the order of their paths. A song's place is its number in that order.
Needs the extra `moodcue[songs]`.
"""

import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from moodcue.errors import IndexUnavailableError
from moodcue.events import Point, Probability, Seven, SignedUnit
from moodcue.library_index import COLUMNS, SONGS, IndexManifest, generation_folder

SCHEMA: Final = """
CREATE TABLE songs (
    place INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    title TEXT NOT NULL,
    artist TEXT NOT NULL,
    album TEXT NOT NULL,
    searched TEXT NOT NULL,
    duration_seconds REAL NOT NULL,
    moment_seconds REAL NOT NULL,
    trajectory BLOB NOT NULL,
    tags BLOB NOT NULL,
    duplicates BLOB NOT NULL
) STRICT
"""
"""`searched` is title, artist, album and path with their case folded; `trajectory` has two signed
bytes a moment, valence and arousal; `tags` and `duplicates` are MessagePack."""

ARTIST_INDEX: Final = "CREATE INDEX songs_by_artist ON songs (artist)"

STEPS_PER_UNIT: Final = 127
"""Of valence and arousal in a stored trajectory."""

UNKNOWN_ARTIST: Final = "Unknown artist"
"""Stands where a file names no artist; some files say it themselves, see `known_artist`."""

_LARGEST_ID: Final = 2**63 - 1
_ONE: Final = "SELECT * FROM songs WHERE place = ?"
_SOME: Final = "SELECT * FROM songs WHERE place >= ? ORDER BY place LIMIT ?"
_ROWS_AT_ONCE: Final = 1000


class Tags(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file says of its song besides title, artist and album; empty where it says nothing.

    Attributes:
        album_artist: of the whole album.
        genre: as the file names it.
        year: of the release.
        track: number on its disc.
        disc: number in its album.
        track_gain_db: ReplayGain: what brings the song to -18 LUFS.
        album_gain_db: ReplayGain: what brings its album there.
        recording_id: of the recording, at MusicBrainz.
        release_id: of the release, at MusicBrainz.
        artist_id: of the artist, at MusicBrainz.
        has_cover: whether the file carries a picture.
        codec: such as ``mp3``, ``flac``, ``opus``, ``vorbis``, ``aac``, ``alac``, ``wma``, ``pcm``.
        bitrate_kbps: of the sound, kbit/s.
    """

    album_artist: str = ""
    genre: str = ""
    year: int | None = None
    track: int | None = None
    disc: int | None = None
    track_gain_db: float | None = None
    album_gain_db: float | None = None
    recording_id: str = ""
    release_id: str = ""
    artist_id: str = ""
    has_cover: bool = False
    codec: str = ""
    bitrate_kbps: int | None = None


class Song(msgspec.Struct, frozen=True, kw_only=True):
    """A song of the library as the index knows it."""

    id: Annotated[int, Meta(ge=0, description="stable: 63 bits of a hash of the path")]
    path: Annotated[str, Meta(description="relative to the music root, with slashes")]
    title: str
    artist: str
    album: str = ""
    duration_seconds: Annotated[float, Meta(ge=0)]
    valence: SignedUnit
    arousal: SignedUnit
    uncertainty: Annotated[Probability, Meta(description="0: sure, 1: no idea")]
    emotions: Seven
    quadrants: tuple[Probability, ...]
    moment_seconds: Annotated[float, Meta(ge=0, description="from one moment to the next")]
    trajectory: Annotated[tuple[Point, ...], Meta(description="the song's course, in equal steps")]
    opening: Annotated[Point, Meta(description="how the song begins")]
    ending: Annotated[Point, Meta(description="how the song ends")]
    tags: Tags = Tags()
    duplicates: Annotated[tuple[str, ...], Meta(description="paths of the same recording")] = ()

    @property
    def key(self) -> str:
        """The id as 16 hex digits, as events carry it."""
        return f"{self.id:016x}"


@dataclass(frozen=True, kw_only=True, eq=False)
class SongColumns:
    """The numbers of all songs, by place.

    Attributes:
        ids: shape (n,), int64.
        emotions: probabilities in the order of `EMOTIONS`, shape (n, 7), float32 like the others.
        quadrants: probabilities of Q1 to Q4, shape (n, 4).
        valence: -1 to 1, shape (n,).
        arousal: -1 to 1, shape (n,).
        uncertainty: 0 to 1, shape (n,).
        opening: valence and arousal of the beginning, shape (n, 2).
        ending: valence and arousal of the end, shape (n, 2).
    """

    ids: NDArray[np.int64]
    emotions: NDArray[np.float32]
    quadrants: NDArray[np.float32]
    valence: NDArray[np.float32]
    arousal: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    opening: NDArray[np.float32]
    ending: NDArray[np.float32]


_WIDTHS: Final = {
    "ids": (),
    "emotions": (7,),
    "quadrants": (4,),
    "valence": (),
    "arousal": (),
    "uncertainty": (),
    "opening": (2,),
    "ending": (2,),
}
_SHARES = frozenset(("emotions", "quadrants", "uncertainty"))


class SongTable:
    """All songs of a generation. Read only, so that threads may share it.

    The numbers are in memory; what else is known of a song is read when it is asked for. The file
    stays open, so that a table can be used after its generation has been removed.

    Args:
        columns: the numbers.
        database: with a row for each place; closed when the table is no longer used.

    Attributes:
        ids: and the other columns, see `SongColumns`.
    """

    def __init__(self, columns: SongColumns, database: sqlite3.Connection) -> None:
        self.ids = columns.ids
        self.emotions = columns.emotions
        self.quadrants = columns.quadrants
        self.valence = columns.valence
        self.arousal = columns.arousal
        self.uncertainty = columns.uncertainty
        self.opening = columns.opening
        self.ending = columns.ending
        self._by_id = np.argsort(self.ids)
        self._sorted_ids = self.ids[self._by_id]
        database.row_factory = sqlite3.Row
        self._database = database
        self._one_at_a_time = threading.Lock()
        weakref.finalize(self, database.close)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, song: int) -> bool:
        return self._find(song) is not None

    def __iter__(self) -> Iterator[Song]:
        """Yield all songs in the order of their paths."""
        for first in range(0, len(self), _ROWS_AT_ONCE):
            yield from self.page(first, _ROWS_AT_ONCE)

    def place(self, song: int) -> int:
        """Return where in the columns a song is.

        Raises:
            KeyError: if there is no song with this id.
        """
        place = self._find(song)
        if place is None:
            raise KeyError(song)
        return place

    def song(self, song: int) -> Song:
        """Return a song by its id.

        Raises:
            KeyError: if there is no song with this id.
            IndexUnavailableError: if it cannot be read.
        """
        return self._songs(_ONE, self.place(song))[0]

    def page(self, first: int, count: int) -> list[Song]:
        """Return `count` songs from a place on, fewer where there are fewer."""
        return self._songs(_SOME, min(first, len(self)), count)

    def search(self, query: str, first: int, count: int) -> tuple[int, list[Song]]:
        """Find the songs with all words of a query in title, artist, album or path.

        Args:
            query: words, in any case; none find every song.
            first: how many of the found to pass over.
            count: how many to return.

        Returns:
            How many there are, and those that were asked for, in the order of their paths.
        """
        words = query.casefold().split()
        if not words:
            return len(self), self.page(first, count)
        every = " AND ".join(["instr(searched, ?)"] * len(words))
        statement = f"SELECT place FROM songs WHERE {every} ORDER BY place"  # noqa: S608 - no values
        found = self._query(statement, *words)
        asked_for = found[first : first + count]
        return len(found), [self._songs(_ONE, place)[0] for (place,) in asked_for]

    def by_artists(self, artists: Collection[str]) -> dict[int, str]:
        """Return the ids of all songs of some artists, with these."""
        marks = ", ".join("?" for _ in artists)
        statement = f"SELECT place, artist FROM songs WHERE artist IN ({marks})"  # noqa: S608 - no values
        return {int(self.ids[place]): artist for place, artist in self._query(statement, *artists)}

    def _find(self, song: int) -> int | None:
        if not 0 <= song <= _LARGEST_ID:
            return None
        nearest = int(np.searchsorted(self._sorted_ids, song))
        if nearest == len(self) or self._sorted_ids[nearest] != song:
            return None
        return int(self._by_id[nearest])

    def _songs(self, statement: str, *values: int) -> list[Song]:
        rows = self._query(statement, *values)
        try:
            return [self._song(row) for row in rows]
        except msgspec.DecodeError as error:
            raise IndexUnavailableError(f"a song cannot be read: {error}") from error

    def _query(self, statement: str, *values: int | str) -> list[sqlite3.Row]:
        try:
            with self._one_at_a_time:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise IndexUnavailableError(f"the songs cannot be read: {error}") from error

    def _song(self, row: sqlite3.Row) -> Song:
        place = row["place"]
        decode = msgspec.msgpack.decode
        course = np.frombuffer(row["trajectory"], dtype=np.int8).reshape(-1, 2) / STEPS_PER_UNIT
        return Song(
            id=int(self.ids[place]),
            path=row["path"],
            title=row["title"],
            artist=row["artist"],
            album=row["album"],
            duration_seconds=row["duration_seconds"],
            valence=float(self.valence[place]),
            arousal=float(self.arousal[place]),
            uncertainty=float(self.uncertainty[place]),
            emotions=tuple(self.emotions[place].tolist()),
            quadrants=tuple(self.quadrants[place].tolist()),
            moment_seconds=row["moment_seconds"],
            trajectory=tuple((valence, arousal) for valence, arousal in course.tolist()),
            opening=tuple(self.opening[place].tolist()),
            ending=tuple(self.ending[place].tolist()),
            tags=decode(row["tags"], type=Tags),
            duplicates=decode(row["duplicates"], type=tuple[str, ...]),
        )


def known_artist(artist: str) -> str:
    """Return the name of an artist, "" where it only says that nobody knows."""
    return "" if artist.strip().casefold() == UNKNOWN_ARTIST.casefold() else artist


def open_songs(index: Path, manifest: IndexManifest) -> SongTable:
    """Open the songs of a generation.

    Raises:
        IndexUnavailableError: if a file is missing or damaged, or they do not fit each other.
    """
    folder = generation_folder(index, manifest).absolute()
    columns = read_columns(folder / COLUMNS)
    path = folder / SONGS
    try:
        # What a manifest has named never changes, so that no lock is needed.
        database = sqlite3.connect(
            f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        table = SongTable(columns, database)
        (last,) = database.execute("SELECT max(place) FROM songs").fetchone()
    except sqlite3.Error as error:
        raise IndexUnavailableError(f"{path} cannot be read: {error}") from error
    if not len(table) == manifest.songs == (last or 0) + 1:
        raise IndexUnavailableError(
            f"{folder} holds {len(table)} songs in {COLUMNS} and {(last or 0) + 1} in {SONGS}, "
            f"its manifest says {manifest.songs}; build the index again"
        )
    return table


def read_columns(path: Path) -> SongColumns:
    """Read the numbers of all songs.

    Raises:
        IndexUnavailableError: if the file is missing, damaged, or holds numbers out of range.
    """
    try:
        with path.open("rb") as file:
            arrays = {name: np.load(file, allow_pickle=False) for name in _WIDTHS}
    except (OSError, ValueError, EOFError) as error:
        raise IndexUnavailableError(f"{path} cannot be read: {error}") from error
    songs = len(arrays["ids"])
    for name, array in arrays.items():
        kind = np.int64 if name == "ids" else np.float32
        if array.shape != (songs, *_WIDTHS[name]) or array.dtype != kind:
            raise IndexUnavailableError(
                f"{path} has {name} of {array.dtype} {array.shape}; build the index again"
            )
        lowest = 0 if name in _SHARES else -1
        if name != "ids" and not ((array >= lowest) & (array <= 1)).all():
            raise IndexUnavailableError(
                f"{path} has {name} outside {lowest} to 1; build the index again"
            )
    return SongColumns(**arrays)


def write_columns(path: Path, columns: SongColumns) -> None:
    """Write the numbers of all songs."""
    with path.open("wb") as file:
        for name in _WIDTHS:
            np.save(file, getattr(columns, name), allow_pickle=False)
