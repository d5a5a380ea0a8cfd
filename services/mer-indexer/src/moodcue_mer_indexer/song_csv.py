"""All songs of an index as a CSV file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moodcue.errors import MoodcueError
from moodcue.library_index import read_manifest
from moodcue.songs import Song, open_songs
from moodcue.taxonomy import EMOTIONS, QUADRANTS, quadrant_of

_DECIMALS = 4


class CsvError(MoodcueError):
    """A table that cannot be written."""


def write_csv(index: Path, file: Path) -> int:
    """Write one row for each song, in UTF-8, in the order of their paths.

    Args:
        index: Folder of the index.
        file: Replaced if it is there.

    Returns:
        The number of songs.

    Raises:
        IndexUnavailableError: There is no index.
        CsvError: The file cannot be written.
    """
    songs = open_songs(index, read_manifest(index))
    partial = file.with_name(f"{file.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as opened:
            rows = csv.writer(opened, lineterminator="\n")
            for number, song in enumerate(songs):
                cells = dict(_cells(song))
                if number == 0:
                    rows.writerow(cells)
                rows.writerow(cells.values())
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CsvError(f"{file} cannot be written ({error.strerror}); name another") from error
    return len(songs)


def _cells(song: Song) -> Iterator[tuple[str, Any]]:
    """Yield the columns and what a song has in them."""
    yield "id", song.key
    yield "path", song.path
    yield "title", song.title
    yield "artist", song.artist
    yield "album", song.album
    yield "genre", song.tags.genre
    yield "year", song.tags.year
    yield "duration_seconds", round(song.duration_seconds, 1)
    yield "quadrant", quadrant_of(valence=song.valence, arousal=song.arousal)
    numbers = {
        "valence": song.valence,
        "arousal": song.arousal,
        "uncertainty": song.uncertainty,
        **dict(zip(QUADRANTS, song.quadrants, strict=True)),
        **dict(zip(EMOTIONS, song.emotions, strict=True)),
        "opening_valence": song.opening[0],
        "opening_arousal": song.opening[1],
        "ending_valence": song.ending[0],
        "ending_arousal": song.ending[1],
    }
    for name, value in numbers.items():
        yield name, round(value, _DECIMALS)
    yield "copies", len(song.duplicates)
