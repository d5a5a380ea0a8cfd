"""Labelled music in any of the layouts that are known here.

=====================  =========================================================================
layout                 what it is known by
=====================  =========================================================================
4Q                     ``labels.csv`` with the columns file, quadrant, artist
DEAM                   ``annotations/`` and ``MEMD_audio/``, as its archives unpack
a table of one's own   one CSV file with ``path`` and ``quadrant``, or ``valence`` and ``arousal``
folders of one's own   folders called Q1 to Q4, or happy, angry, sad, calm and the like
=====================  =========================================================================
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.deam import is_deam, load_deam
from moodcue_mer_indexer.labels import DatasetError, LabelledSong, certain
from moodcue_mer_indexer.own_music import (
    find_table,
    has_quadrant_folders,
    load_quadrant_folders,
    load_table,
)
from moodcue_mer_indexer.tables import columns_of, read_table

DatasetName = Literal["4Q", "DEAM", "own music"]

_TABLE = "labels.csv"
_COLUMNS = ("artist", "file", "quadrant")


def load_dataset(folder: Path) -> list[LabelledSong]:
    """Return the songs of a folder, in the layout that its content shows.

    Args:
        folder: Of labelled music.

    Raises:
        DatasetError: No layout is known by what is there, or the layout is not complete.
    """
    _, load = _find_layout(folder)
    songs = load()
    for song in songs:
        if not song.path.is_file():
            raise DatasetError(
                f"{song.path} is not there, but labelled; put it there, or take out its row"
            )
    return songs


def dataset_name(folder: Path) -> DatasetName:
    """Return what is in a folder, for the model card of what learns from it.

    Raises:
        DatasetError: No layout is known by what is there.
    """
    name, _ = _find_layout(folder)
    return name


def _find_layout(folder: Path) -> tuple[DatasetName, Callable[[], list[LabelledSong]]]:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; give the one that holds the labelled music")
    if (folder / _TABLE).is_file() and "path" not in columns_of(folder / _TABLE):
        return "4Q", partial(load_labels, folder)
    if is_deam(folder):
        return "DEAM", partial(load_deam, folder)
    table = find_table(folder)
    if table is not None:
        return "own music", partial(load_table, table)
    if has_quadrant_folders(folder):
        return "own music", partial(load_quadrant_folders, folder)
    raise DatasetError(
        f"{folder} has no layout that is known here; looked for labels.csv with the columns "
        f"{', '.join(_COLUMNS)} (4Q), for annotations/ and MEMD_audio/ (DEAM), for one CSV file "
        "with the columns path and quadrant, or path, valence and arousal, and for folders called "
        f"{', '.join(QUADRANTS)} or happy, angry, sad, calm; arrange the music in one of these"
    )


def load_labels(folder: Path) -> list[LabelledSong]:
    """Return the rows of the `labels.csv` of 4Q in order.

    Raises:
        DatasetError: The file or a column is missing, a label is unknown, or there is no row.
    """
    table = folder / _TABLE
    if not table.is_file():
        raise DatasetError(
            f"{table} is missing; give the folder that holds labels.csv with the columns "
            f"{', '.join(_COLUMNS)}"
        )
    return [_song(row, folder=folder, table=table) for row in read_table(table, columns=_COLUMNS)]


def _song(row: dict[str, str], *, folder: Path, table: Path) -> LabelledSong:
    name = row["quadrant"]
    if name not in QUADRANTS:
        raise DatasetError(
            f"{table}: quadrant {name!r} of {row['file']!r} is unknown; "
            f"use one of {', '.join(QUADRANTS)}"
        )
    quadrant = QUADRANTS.index(name)
    return LabelledSong(
        file=row["file"],
        path=folder / row["file"],
        quadrant=quadrant,
        artist=row["artist"],
        targets=certain(quadrant),
    )
