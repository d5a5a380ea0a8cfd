"""The layout of the 4Q data: a folder with `labels.csv` and one audio file per row."""

import csv
from dataclasses import dataclass
from pathlib import Path

from moodcue.errors import MoodcueError
from moodcue.taxonomy import QUADRANTS

__all__ = ["DatasetError", "LabelledSong", "load_labels"]

_COLUMNS = {"file", "quadrant", "artist"}


class DatasetError(MoodcueError):
    """A folder that does not have the layout of the 4Q data."""


@dataclass(frozen=True, kw_only=True)
class LabelledSong:
    """One row of `labels.csv`.

    Attributes:
        file: Path of the audio relative to the dataset's folder, with forward slashes.
        path: The audio itself.
        quadrant: Index into `moodcue.taxonomy.QUADRANTS`.
        artist: Artist, by whom songs are kept on one side of a split.
    """

    file: str
    path: Path
    quadrant: int
    artist: str


def load_labels(folder: Path) -> list[LabelledSong]:
    """Return the rows of `labels.csv` in order.

    Raises:
        DatasetError: The file or a column is missing, a label is unknown, or there is no row.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise DatasetError(
            f"{table} is missing; give the folder that holds labels.csv with the columns "
            f"{', '.join(sorted(_COLUMNS))}"
        )
    with table.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = _COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(f"{table} lacks the columns {', '.join(sorted(missing))}; add them")
        songs = [_song(row, folder=folder, table=table) for row in reader]
    if not songs:
        raise DatasetError(f"{table} has no rows; add one per audio file")
    return songs


def _song(row: dict[str, str], *, folder: Path, table: Path) -> LabelledSong:
    quadrant = row["quadrant"]
    if quadrant not in QUADRANTS:
        raise DatasetError(
            f"{table}: quadrant {quadrant!r} of {row['file']!r} is unknown; "
            f"use one of {', '.join(QUADRANTS)}"
        )
    return LabelledSong(
        file=row["file"],
        path=folder / row["file"],
        quadrant=QUADRANTS.index(quadrant),
        artist=row["artist"],
    )
