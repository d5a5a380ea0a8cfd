"""The layout of DEAM, as its archives unpack into one folder.

1802 songs with ratings of valence and arousal by about ten listeners each (Aljanaki, Yang and
Soleymani, PLOS ONE 2017). Songs have a mean and a deviation on a scale from 1 to 9; excerpts also
have the mean of a course at 2 Hz from the 15th second on, which is -1 to 1 already::

    MEMD_audio/2.mp3 …
    annotations/annotations averaged per song/song_level/static_annotations_averaged_songs_*.csv
    annotations/annotations averaged per song/dynamic (per second annotations)/arousal.csv
    annotations/annotations averaged per song/dynamic (per second annotations)/valence.csv
    metadata/metadata_2013.csv …       with the artists; need not be there
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from moodcue_mer_indexer.emotion import Moment
from moodcue_mer_indexer.labels import (
    DatasetError,
    LabelledSong,
    number_in,
    quadrant_at,
    quadrant_probabilities,
)
from moodcue_mer_indexer.tables import columns_of, read_table

_AUDIO = "MEMD_audio"
_PER_SONG = Path("annotations/annotations averaged per song")
_STATIC = "song_level/static_annotations_averaged_songs_*.csv"
_DYNAMIC = "dynamic (per second annotations)"
_STATIC_COLUMNS = ("song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std")

_AXES = ("valence", "arousal")

_LOWEST: Final = 1.0
_HIGHEST: Final = 9.0
_MIDDLE: Final = (_LOWEST + _HIGHEST) / 2
_HALF: Final = (_HIGHEST - _LOWEST) / 2

# Of the courses: sample_15000ms.
_SAMPLE = re.compile(r"sample_(\d+)ms")

_Course = dict[int, float]


def is_deam(folder: Path) -> bool:
    """Return whether a folder holds a part of DEAM that no other layout has."""
    return (folder / _AUDIO).is_dir() or (folder / _PER_SONG).is_dir()


def load_deam(folder: Path) -> list[LabelledSong]:
    """Return the songs of DEAM in the order of their numbers.

    Args:
        folder: That the archives of audio and annotations were unpacked into.

    Raises:
        DatasetError: Audio or annotations are missing, or a rating is none.
    """
    tables = sorted((folder / _PER_SONG).glob(_STATIC))
    if not tables or not (folder / _AUDIO).is_dir():
        wanting = folder / (_AUDIO if tables else _PER_SONG / _STATIC)
        raise DatasetError(
            f"{wanting} is missing; unpack DEAM_audio.zip and DEAM_Annotations.zip into {folder}"
        )
    artists = _artists(folder / "metadata")
    courses = [_courses(folder / _PER_SONG / _DYNAMIC / f"{axis}.csv") for axis in _AXES]
    songs = {
        number: _song(
            row, number=number, folder=folder, table=table, artists=artists, courses=courses
        )
        for table in tables
        for row in read_table(table, columns=_STATIC_COLUMNS)
        for number in [_number(row["song_id"], table=table)]
    }
    return [songs[number] for number in sorted(songs)]


def _song(
    row: dict[str, str],
    *,
    number: int,
    folder: Path,
    table: Path,
    artists: Mapping[int, str],
    courses: list[dict[int, _Course]],
) -> LabelledSong:
    file = f"{_AUDIO}/{number}.mp3"
    if not (folder / file).is_file():
        raise DatasetError(f"{folder / file} is missing; unpack DEAM_audio.zip into {folder} again")
    ratings: dict[str, float] = {}
    for axis in _AXES:
        mean = number_in(row, f"{axis}_mean", low=_LOWEST, high=_HIGHEST, table=table)
        spread = number_in(row, f"{axis}_std", low=0, high=_HIGHEST - _LOWEST, table=table)
        ratings[axis] = (mean - _MIDDLE) / _HALF
        ratings[f"{axis}_std"] = spread / _HALF
    return LabelledSong(
        file=file,
        path=folder / file,
        quadrant=quadrant_at(valence=ratings["valence"], arousal=ratings["arousal"]),
        artist=artists.get(number, f"song {number}"),
        targets=quadrant_probabilities(**ratings),
        course=_course(*(course.get(number, {}) for course in courses)),
    )


def _number(text: str, *, table: Path) -> int:
    """Return the number of a song; some tables write it as 2.0."""
    try:
        return int(float(text))
    except ValueError as error:
        raise DatasetError(
            f"{table}: {text!r} is no number of a song; download the annotations again"
        ) from error


def _course(valence: _Course, arousal: _Course) -> tuple[Moment, ...]:
    return tuple(
        Moment(seconds=time / 1000, valence=valence[time], arousal=arousal[time])
        for time in sorted(valence.keys() & arousal.keys())
    )


def _courses(table: Path) -> dict[int, _Course]:
    """Return milliseconds and values by song; none where the table is not there."""
    if not table.is_file():
        return {}
    return {
        _number(row["song_id"], table=table): {
            int(match[1]): number_in(row, name, low=-1, high=1, table=table)
            for name, text in row.items()
            if (match := _SAMPLE.fullmatch(name)) and _is_stated(text)
        }
        for row in read_table(table, columns=["song_id"])
    }


def _is_stated(text: str) -> bool:
    """Return whether a cell holds a value; rows of shorter songs end in empty cells or NaN."""
    try:
        return not math.isnan(float(text))
    except ValueError:
        return bool(text)


def _artists(folder: Path) -> dict[int, str]:
    """Return the artists that the tables of metadata name; their columns differ by year."""
    found: dict[int, str] = {}
    for table in sorted(folder.glob("metadata_*.csv")):
        names = {name.lower(): name for name in columns_of(table)}
        identity = names.get("song_id", names.get("id"))
        if identity is None or "artist" not in names:
            continue
        for row in read_table(table, columns=[]):
            artist = row.get(names["artist"], "").strip('" \t').casefold()
            number = row.get(identity, "")
            if artist and number.isdecimal():
                found[int(number)] = artist
    return found
