"""The demo library: pieces spread over the valence-arousal plane, as tagged MP3 files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from mutagen.easyid3 import EasyID3
from numpy.typing import NDArray

from moodcue.errors import MoodcueError
from moodcue_mer_indexer.composer.mix import render
from moodcue_mer_indexer.composer.plan import Plan, Style, make_plan
from moodcue_mer_indexer.composer.score import compose_score
from moodcue_mer_indexer.composer.synthesis import SAMPLE_RATE
from moodcue_mer_indexer.composer.titles import ALBUM, Credit, make_credits
from moodcue_mer_indexer.processes import worker_pool

_SIGNS = {
    Style.DANCE: (1, 1),
    Style.STORM: (-1, 1),
    Style.LAMENT: (-1, -1),
    Style.MEADOW: (1, -1),
}
MAXIMUM_PIECES = 49 * len(_SIGNS)
_PARTIAL = ".partial"
_NEAREST = 0.4
_FARTHEST = 0.95


class ComposerError(MoodcueError):
    """A library that cannot be composed."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece to compose.

    Attributes:
        number: From 1, its place in the library.
        valence: Intended, -1 to 1.
        arousal: Intended, -1 to 1.
        credit: Title and artist.
        seed: Of the library.
    """

    number: int
    valence: float
    arousal: float
    credit: Credit
    seed: int

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"{self.number:03d} {self.credit.artist} - {self.credit.title}.mp3"


def plan_library(*, pieces: int, seed: int) -> list[Piece]:
    """Return the pieces of a library, quadrant after quadrant in turn, the same for a seed.

    Raises:
        ComposerError: The number is out of bounds.
    """
    if not len(_SIGNS) <= pieces <= MAXIMUM_PIECES:
        raise ComposerError(
            f"{pieces} pieces cannot be composed; choose from {len(_SIGNS)} to {MAXIMUM_PIECES}"
        )
    per_style = -(-pieces // len(_SIGNS))
    generator = np.random.default_rng(seed)
    columns = []
    for style, (valence_sign, arousal_sign) in _SIGNS.items():
        credit = make_credits(style, count=per_style, generator=generator)
        # Evenly spread rather than drawn, so that no half of a quadrant stays empty.
        strengths = np.linspace(_NEAREST, _FARTHEST, per_style)
        valences = valence_sign * generator.permutation(strengths)
        arousals = arousal_sign * generator.permutation(strengths)
        columns.append(list(zip(valences, arousals, credit, strict=True)))
    rows = [entry for row in zip(*columns, strict=True) for entry in row][:pieces]
    return [
        Piece(number=n, valence=float(v), arousal=float(a), credit=credit, seed=seed)
        for n, (v, a, credit) in enumerate(rows, start=1)
    ]


def compose_piece(piece: Piece) -> tuple[Plan, NDArray[np.float32]]:
    """Return the plan and the sound ``(samples, 2)`` of a piece; equal pieces sound equal."""
    generator = np.random.default_rng((piece.seed, piece.number))
    plan = make_plan(valence=piece.valence, arousal=piece.arousal, generator=generator)
    return plan, render(compose_score(plan, generator=generator), plan=plan)


def compose_library(
    folder: Path, *, pieces: int, seed: int, workers: int
) -> Iterator[tuple[Piece, bool]]:
    """Write a library into a folder, skipping what is there.

    A file appears under its name only when it is complete, so what an interrupted call left is
    complete too.

    Args:
        folder: Created if need be.
        pieces: How many.
        seed: Another seed gives other music.
        workers: Processes.

    Yields:
        Each piece in order and whether it was written now.

    Raises:
        ComposerError: The number is out of bounds, or the folder cannot be written to.
    """
    planned = plan_library(pieces=pieces, seed=seed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f".*{_PARTIAL}"):
            leftover.unlink(missing_ok=True)
        with worker_pool(workers) as pool:
            written = pool.map(partial(_write, folder=folder), planned)
            yield from zip(planned, written, strict=True)
    except OSError as error:
        raise ComposerError(
            f"cannot write music to {folder} ({error}); choose another folder"
        ) from error


def _write(piece: Piece, *, folder: Path) -> bool:
    path = folder / piece.file_name
    if path.is_file():
        return False
    _, sound = compose_piece(piece)
    # The suffix keeps a half-written file from being taken for music.
    temporary = folder / f".{path.name}.{os.getpid()}{_PARTIAL}"
    try:
        soundfile.write(temporary, sound, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
        _tag(temporary, credit=piece.credit, number=piece.number)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _tag(path: Path, *, credit: Credit, number: int) -> None:
    tags = EasyID3()
    tags["title"] = credit.title
    tags["artist"] = credit.artist
    tags["album"] = ALBUM
    tags["tracknumber"] = str(number)
    tags.save(path)
