"""Labelled music of one's own: a table, or one folder per quadrant."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from moodcue.songs import known_artist
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.audio import AUDIO_SUFFIXES
from moodcue_mer_indexer.labels import (
    RATING_DEVIATION,
    DatasetError,
    LabelledSong,
    certain,
    number_in,
    quadrant_at,
    quadrant_probabilities,
)
from moodcue_mer_indexer.tables import columns_of, read_table
from moodcue_mer_indexer.tags import read_tags

QUADRANT_NAMES: Final[Mapping[str, int]] = {
    name: quadrant
    for quadrant, names in enumerate(
        (
            ("q1", "happy", "happiness", "joy", "joyful", "exciting", "energetic"),
            ("q2", "angry", "anger", "tense", "fear", "aggressive"),
            ("q3", "sad", "sadness", "melancholic", "gloomy"),
            ("q4", "calm", "content", "relaxed", "relaxing", "peaceful", "tender"),
        )
    )
    for name in names
}
"""Names of quadrants, in lower case."""


def find_table(folder: Path) -> Path | None:
    """Return the first CSV file of a folder that says where audio lies and what it expresses."""
    for table in sorted(folder.glob("*.csv")):
        columns = set(columns_of(table))
        if "path" in columns and ("quadrant" in columns or {"valence", "arousal"} <= columns):
            return table
    return None


def has_quadrant_folders(folder: Path) -> bool:
    """Return whether a folder of a quadrant's name is in the folder."""
    return next(_quadrant_folders(folder), None) is not None


def load_table(table: Path) -> list[LabelledSong]:
    """Return the songs of a CSV file.

    Its columns are ``path`` (relative to the table) and either ``quadrant`` (a name out of
    `QUADRANT_NAMES`) or ``valence`` and ``arousal`` (-1 to 1). ``valence_std`` and
    ``arousal_std`` say how far listeners disagree, ``artist`` who is to be kept on one side of a
    split; without it the file's tags say so, and a file without them stands for itself.

    Raises:
        DatasetError: A file is not there, or a label is none.
    """
    labels = ["quadrant"] if "quadrant" in columns_of(table) else ["valence", "arousal"]
    return [_row(row, table=table) for row in read_table(table, columns=["path", *labels])]


def load_quadrant_folders(folder: Path) -> list[LabelledSong]:
    """Return the songs of folders that are called as their quadrant is.

    Raises:
        DatasetError: There is no audio in them.
    """
    songs = [
        LabelledSong(
            file=path.relative_to(folder).as_posix(),
            path=path,
            quadrant=quadrant,
            artist=_artist(path, file=path.relative_to(folder).as_posix()),
            targets=certain(quadrant),
        )
        for place, quadrant in _quadrant_folders(folder)
        for path in sorted(place.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
    ]
    if not songs:
        raise DatasetError(
            f"the folders of {folder} that are called as a quadrant is hold no audio; "
            f"put files in there that end in {', '.join(sorted(AUDIO_SUFFIXES))}"
        )
    return songs


def _quadrant_folders(folder: Path) -> Iterator[tuple[Path, int]]:
    for place in sorted(folder.iterdir()):
        quadrant = QUADRANT_NAMES.get(place.name.lower())
        if quadrant is not None and place.is_dir():
            yield place, quadrant


def _row(row: dict[str, str], *, table: Path) -> LabelledSong:
    path = table.parent / row["path"]
    if not path.is_file():
        raise DatasetError(f"{table}: {row['path']!r} is not there; paths begin at {table.parent}")
    quadrant, targets = _label(row, table=table)
    return LabelledSong(
        file=row["path"],
        path=path,
        quadrant=quadrant,
        artist=row.get("artist") or _artist(path, file=row["path"]),
        targets=targets,
    )


def _label(row: dict[str, str], *, table: Path) -> tuple[int, tuple[float, ...]]:
    if "quadrant" in row:
        quadrant = QUADRANT_NAMES.get(row["quadrant"].lower())
        if quadrant is None:
            raise DatasetError(
                f"{table}: quadrant {row['quadrant']!r} of {row['path']!r} is unknown; "
                f"use one of {', '.join(QUADRANTS)}, happy, angry, sad, calm"
            )
        return quadrant, certain(quadrant)
    point = {
        axis: number_in(row, axis, low=-1, high=1, table=table) for axis in ("valence", "arousal")
    }
    spread = {
        f"{axis}_std": number_in(row, f"{axis}_std", low=0, high=2, table=table)
        if row.get(f"{axis}_std")
        else RATING_DEVIATION
        for axis in point
    }
    return quadrant_at(**point), quadrant_probabilities(**point, **spread)


def _artist(path: Path, *, file: str) -> str:
    return known_artist(read_tags(path).artist) or file
