"""Labelled faces on disk, as arrays: FER2013 sheets, CK+ crops, one folder per label."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.faces import crop_whole
from moodcue_fer.labels import label_index
from moodcue_fer.pictures import PictureError, read_grey
from moodcue_fer.preprocessing import CROP_SIZE

SHEET_COLUMNS: Final = 64
SHEET_TILES: Final = 4096
VOTE_COLUMNS: Final = tuple(f"fp_{label}" for label in EMOTIONS)
OTHER_VOTE_COLUMNS: Final = ("fp_contempt", "fp_unknown", "fp_nf")
FER2013_COLUMNS: Final = (
    "index",
    "usage",
    "fer2013_label",
    "duplicate_group",
    *VOTE_COLUMNS,
    *OTHER_VOTE_COLUMNS,
)


class DatasetError(MoodcueError):
    """A data set is missing, empty or not in the expected form."""


@dataclass(frozen=True, kw_only=True)
class LabelledFaces:
    """Face crops with their labels.

    Attributes:
        crops: Grey crops, uint8, shape (n, 48, 48).
        labels: Place of each label in `EMOTIONS`, int64, shape (n,); -1 is no emotion of ours.
        skipped: Files that could not be used, with the reason.
    """

    crops: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fer2013(LabelledFaces):
    """FER2013 with the crowd votes of FER+.

    Attributes:
        usage: `Training` or `PublicTest` for each picture, shape (n,).
        groups: Pictures with the same number are identical, int64, shape (n,).
        votes: Crowd votes for the seven, float32, shape (n, 7); all zero where there are none.
        other_votes: Votes for contempt, unknown and not-a-face, float32, shape (n, 3).
    """

    usage: npt.NDArray[np.str_]
    groups: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float32]
    other_votes: npt.NDArray[np.float32]

    def select(self, mask: npt.NDArray[np.bool_]) -> "Fer2013":
        """Return the pictures for which `mask`, shape (n,), is true."""
        return Fer2013(
            crops=self.crops[mask],
            labels=self.labels[mask],
            usage=self.usage[mask],
            groups=self.groups[mask],
            votes=self.votes[mask],
            other_votes=self.other_votes[mask],
        )


@dataclass(frozen=True, kw_only=True)
class CkPlus:
    """CK+ with the labels and people of its own.

    Attributes:
        crops: Grey crops, uint8, shape (n, 48, 48).
        labels: Places in `names`, int64, shape (n,).
        names: The emotions of CK+, contempt among them, without neutral.
        subjects: Who it is, shape (n,).
        sequences: Which recording, shape (n,); its last three pictures are near copies.
    """

    crops: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    subjects: npt.NDArray[np.str_]
    sequences: npt.NDArray[np.str_]


def load_fer2013(folder: Path) -> Fer2013:
    """Read `labels.csv` and the sheets `sheet_NN.png` of FER2013.

    Row `index` of the table is in sheet `index // 4096`, at tile row
    `(index % 4096) // 64` and tile column `index % 64`.

    Args:
        folder: Folder of the table and the sheets.

    Raises:
        DatasetError: The table is missing, empty or another one, or a sheet is not readable.
    """
    table = folder / "labels.csv"
    rows = _read_table(table, columns=FER2013_COLUMNS)
    indices = _numbers(table, rows, "index")
    labels = _label_array(row["fer2013_label"] for row in rows)
    if labels.min() < 0:
        name = rows[int(labels.argmin())]["fer2013_label"]
        raise DatasetError(f"{table}: {name!r} is none of {', '.join(EMOTIONS)}")
    return Fer2013(
        crops=_read_tiles(folder, indices=indices),
        labels=labels,
        usage=np.array([row["usage"] for row in rows], dtype=np.str_),
        groups=_numbers(table, rows, "duplicate_group"),
        votes=_vote_array(table, rows, columns=VOTE_COLUMNS),
        other_votes=_vote_array(table, rows, columns=OTHER_VOTE_COLUMNS),
    )


def load_ck48(folder: Path) -> LabelledFaces:
    """Read the 48x48 crops of CK+; contempt, which is none of the seven, gets the label -1.

    Args:
        folder: Folder of `labels.csv` and one subfolder per label.

    Raises:
        DatasetError: The table is missing or empty, or no picture is readable.
    """
    rows = _read_table(folder / "labels.csv", columns=("path", "label"))
    return _read_crops((folder / row["path"], row["label"]) for row in rows)


def load_ck_plus(folder: Path) -> CkPlus:
    """Read the 48x48 crops of CK+ with all of its labels and the people.

    Args:
        folder: Folder of `labels.csv` and one subfolder per label.

    Raises:
        DatasetError: The table is missing or empty, or a picture is not readable.
    """
    rows = _read_table(
        folder / "labels.csv", columns=("path", "subject", "sequence", "frame", "label")
    )
    faces = _read_crops((folder / row["path"], row["label"]) for row in rows)
    for path, reason in faces.skipped:
        raise DatasetError(f"a picture of CK+ is not readable: {path}: {reason}")
    names = tuple(sorted({row["label"] for row in rows}))
    return CkPlus(
        crops=faces.crops,
        labels=np.array([names.index(row["label"]) for row in rows], dtype=np.int64),
        names=names,
        subjects=np.array([row["subject"] for row in rows], dtype=np.str_),
        sequences=np.array([f"{row['subject']}/{row['sequence']}" for row in rows], dtype=np.str_),
    )


def load_folder(folder: Path) -> LabelledFaces:
    """Read a folder of face crops with one subfolder per label (`happy` or `happiness`).

    Subfolders that are named after none of the seven are left out and listed in `skipped`.

    Args:
        folder: Folder of the subfolders; every picture in them is a face already.

    Raises:
        DatasetError: No subfolder is named after an emotion, or no picture is readable.
    """
    subfolders = sorted(path for path in folder.glob("*") if path.is_dir())
    known = [path for path in subfolders if label_index(path.name) is not None]
    if not known:
        raise DatasetError(
            f"{folder} has no subfolder named after an emotion: one of {', '.join(EMOTIONS)}"
        )
    faces = _read_crops(
        (path, subfolder.name)
        for subfolder in known
        for path in sorted(subfolder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    )
    unknown = tuple((str(path), "no emotion of ours") for path in subfolders if path not in known)
    return LabelledFaces(crops=faces.crops, labels=faces.labels, skipped=unknown + faces.skipped)


def load_people(folder: Path) -> dict[str, LabelledFaces]:
    """Read a folder of people: in each of its subfolders one subfolder per label.

    Args:
        folder: Folder of the people, such as `anna/happy/1.png` and `anna/neutral/1.png`.

    Returns:
        Faces by the name of the person's folder.

    Raises:
        DatasetError: There is nobody, or a person's folder has nothing readable.
    """
    people = sorted(path for path in folder.glob("*") if path.is_dir())
    if not people:
        raise DatasetError(f"{folder} has no folders of people, such as {folder}/anna/neutral")
    return {path.name: load_folder(path) for path in people}


def _read_table(path: Path, *, columns: Iterable[str]) -> list[dict[str, str]]:
    if not path.is_file():
        raise DatasetError(f"{path} is missing: name the folder that holds labels.csv")
    try:
        with path.open(newline="", encoding="utf-8-sig") as table:
            rows = list(csv.DictReader(table, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read ({error}): save it as CSV in UTF-8") from error
    if not rows:
        raise DatasetError(f"{path} has no rows")
    missing = [column for column in columns if column not in rows[0]]
    if missing:
        raise DatasetError(f"{path} lacks the columns {', '.join(missing)}")
    return rows


def _numbers(path: Path, rows: Iterable[Mapping[str, str]], column: str) -> npt.NDArray[np.int64]:
    """Return a column of whole numbers from 0 on."""
    texts = [row[column] for row in rows]
    for line, text in enumerate(texts, start=2):
        if not (text.isascii() and text.isdecimal()):
            raise DatasetError(f"{path}, line {line}: {column} is {text!r}, not a whole number")
    return np.array([int(text) for text in texts], dtype=np.int64)


def _read_tiles(folder: Path, *, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    crops = np.empty((len(indices), CROP_SIZE, CROP_SIZE), dtype=np.uint8)
    sheets = indices // SHEET_TILES
    for sheet in np.unique(sheets):
        path = folder / f"sheet_{sheet:02d}.png"
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise DatasetError(f"{path} is missing or not a readable picture")
        for place in np.flatnonzero(sheets == sheet):
            tile_row, tile_column = divmod(int(indices[place]) % SHEET_TILES, SHEET_COLUMNS)
            top, left = tile_row * CROP_SIZE, tile_column * CROP_SIZE
            tile = picture[top : top + CROP_SIZE, left : left + CROP_SIZE]
            if tile.shape != (CROP_SIZE, CROP_SIZE):
                raise DatasetError(
                    f"{path} ends before picture {indices[place]}: copy the sheet again"
                )
            crops[place] = tile
    return crops


def _read_crops(files: Iterable[tuple[Path, str]]) -> LabelledFaces:
    crops: list[npt.NDArray[np.uint8]] = []
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    for path, name in files:
        try:
            crops.append(crop_whole(read_grey(path)))
        except PictureError as error:
            skipped.append((str(path), str(error)))
        else:
            names.append(name)
    if not crops:
        raise DatasetError(
            f"no readable picture; first problem: {skipped[0] if skipped else 'no files'}"
        )
    return LabelledFaces(crops=np.stack(crops), labels=_label_array(names), skipped=tuple(skipped))


def _label_array(names: Iterable[str]) -> npt.NDArray[np.int64]:
    places = (label_index(name) for name in names)
    return np.array([-1 if place is None else place for place in places], dtype=np.int64)


def _vote_array(
    path: Path, rows: Iterable[Mapping[str, str]], *, columns: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    # A few rows have no votes at all: their fields are empty.
    try:
        votes = [[float(row[column] or 0) for column in columns] for row in rows]
    except ValueError as error:
        raise DatasetError(f"{path}: votes must be numbers: {error}") from error
    return np.array(votes, dtype=np.float32)
