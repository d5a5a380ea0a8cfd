"""Writing the songs of a generation, see `moodcue.songs`."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from moodcue.library_index import COLUMNS, SONGS
from moodcue.songs import ARTIST_INDEX, SCHEMA, STEPS_PER_UNIT, Song, SongColumns, write_columns

_SONGS_AT_ONCE = 10_000
_encode = msgspec.msgpack.Encoder().encode


def write_songs(folder: Path, songs: Iterable[Song]) -> SongColumns:
    """Write songs into a folder that holds none.

    Args:
        folder: of the generation.
        songs: at least one, in the order of their paths; they are taken one after another.

    Returns:
        The numbers of all songs.
    """
    with closing(sqlite3.connect(folder / SONGS)) as database:
        # A folder that is not finished is thrown away, so that nothing need be undone.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        columns = fill_table(database, songs)
    write_columns(folder / COLUMNS, columns)
    return columns


def fill_table(database: sqlite3.Connection, songs: Iterable[Song]) -> SongColumns:
    """Write songs into an empty database, and return their numbers."""
    database.execute(SCHEMA)
    database.execute(ARTIST_INDEX)
    parts = []
    place = 0
    remaining = iter(songs)
    while some := list(islice(remaining, _SONGS_AT_ONCE)):
        database.executemany(
            "INSERT INTO songs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _rows(some, first=place)
        )
        parts.append(columns_of(some))
        place += len(some)
    database.commit()
    return SongColumns(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(SongColumns)
        }
    )


def columns_of(songs: list[Song]) -> SongColumns:
    """Return the numbers of some songs."""

    def column(name: str) -> NDArray[np.float32]:
        return np.array([getattr(song, name) for song in songs], dtype=np.float32)

    return SongColumns(
        ids=np.array([song.id for song in songs], dtype=np.int64),
        emotions=column("emotions"),
        quadrants=column("quadrants"),
        valence=column("valence"),
        arousal=column("arousal"),
        uncertainty=column("uncertainty"),
        opening=column("opening"),
        ending=column("ending"),
    )


def _rows(songs: list[Song], *, first: int) -> Iterator[tuple[Any, ...]]:
    for place, song in enumerate(songs, start=first):
        # Flat, as numpy reads nested tuples three times slower.
        course = np.fromiter(chain.from_iterable(song.trajectory), dtype=np.float32)
        yield (
            place,
            song.path,
            song.title,
            song.artist,
            song.album,
            f"{song.title}\n{song.artist}\n{song.album}\n{song.path}".casefold(),
            song.duration_seconds,
            song.moment_seconds,
            (course * STEPS_PER_UNIT).round().astype(np.int8).tobytes(),
            _encode(song.tags),
            _encode(song.duplicates),
        )
