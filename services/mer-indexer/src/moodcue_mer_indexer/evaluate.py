"""Measure a model on labelled songs, and say which of them it has been trained on."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from moodcue.errors import ModelError
from moodcue.model_folder import load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.analysis import Analysed, analyse_files
from moodcue_mer_indexer.dataset import DatasetError, LabelledSong, load_labels
from moodcue_mer_indexer.metrics import scored
from moodcue_mer_indexer.progress import show_progress

__all__ = ["TRAINING_SONGS", "evaluate_held_out_folds", "evaluate_model", "song_digest"]

log = structlog.get_logger(__name__)

TRAINING_SONGS = "training_songs.txt"
"""File of a model folder: the digest of every song that the model was trained on."""

Probabilities = dict[str, tuple[float, ...]]


def song_digest(path: Path) -> str:
    """Return 16 hex digits of BLAKE2b of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def evaluate_model(data: Path, *, model_folder: Path, workers: int) -> dict[str, Any]:
    """Return the figures of a model on a dataset in the layout of 4Q.

    ``protocol`` says what the figures are: ``held out`` (the model has seen none of the songs),
    ``training songs`` (it has seen all of them; no measure of quality), or ``mixed``, in which
    case ``held_out`` has the figures of the songs that it has not seen.

    Args:
        data: Folder with ``labels.csv`` and the audio.
        model_folder: Of the model.
        workers: Processes.

    Raises:
        DatasetError: The layout is another, or no song can be used.
        ModelError: The model cannot be used.
    """
    manifest = load_manifest(model_folder, labels=QUADRANTS)
    songs = load_labels(data)
    probabilities, failures = _predict(songs, model_folder=model_folder, workers=workers)
    scored = [song for song in songs if song.file in probabilities]
    seen = _seen(scored, model_folder=model_folder)
    unseen = [song for song in scored if song.file not in seen]
    protocol = "held out" if not seen else "mixed" if unseen else "training songs"
    if seen:
        log.warning(
            "songs of the training set are no measure of quality",
            seen_in_training=len(seen),
            remedy="give other songs, or --out-of-fold with the folder of the training run",
        )
    report: dict[str, Any] = {
        "dataset": "4q",
        "protocol": protocol,
        "seen_in_training": len(seen),
        **_figures(scored, probabilities),
        "failed": failures,
        "model": manifest.name,
        "model_sha256": manifest.sha256,
        "cross_validation": manifest.metrics,
    }
    if protocol == "mixed":
        report["held_out"] = _figures(unseen, probabilities)
    return report


def evaluate_held_out_folds(data: Path, *, run: Path, workers: int) -> dict[str, Any]:
    """Return the figures of a run's fold models, each on the songs that it has not seen.

    Raises:
        DatasetError: The layout is another, or the folder holds no finished run on these songs.
        ModelError: A fold's model cannot be used.
    """
    songs = load_labels(data)
    try:
        folds: dict[str, int] = json.loads((run / "folds.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{run} holds no training run ({error.strerror}: folds.json); give the --out of train"
        ) from error
    known = [song for song in songs if song.file in folds]
    probabilities: Probabilities = {}
    failures: dict[str, str] = {}
    for fold in sorted(set(folds.values())):
        held_out = [song for song in known if folds[song.file] == fold]
        found, failed = _predict(held_out, model_folder=run / f"fold-{fold:02d}", workers=workers)
        probabilities |= found
        failures |= failed
    return {
        "dataset": "4q",
        "protocol": f"out of {len(set(folds.values()))} artist-disjoint folds",
        "seen_in_training": 0,
        **_figures([song for song in known if song.file in probabilities], probabilities),
        "failed": failures,
        "not_in_folds": len(songs) - len(known),
    }


def _predict(
    songs: Sequence[LabelledSong], *, model_folder: Path, workers: int
) -> tuple[Probabilities, dict[str, str]]:
    answers = show_progress(
        analyse_files([song.path for song in songs], model_folder=model_folder, workers=workers),
        total=len(songs),
        label="Listening",
    )
    probabilities: Probabilities = {}
    failures: dict[str, str] = {}
    for song, (_, answer) in zip(songs, answers, strict=True):
        if isinstance(answer, Analysed):
            probabilities[song.file] = answer.emotion.quadrants
        else:
            log.warning("file skipped", path=song.file, reason=answer.reason)
            failures[song.file] = answer.reason
    return probabilities, failures


def _seen(songs: Sequence[LabelledSong], *, model_folder: Path) -> set[str]:
    path = model_folder / TRAINING_SONGS
    try:
        digests = frozenset(path.read_text(encoding="utf-8").split())
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror}; without it nobody can say whether the model knows the "
            "songs; export the model again"
        ) from error
    return {song.file for song in songs if song_digest(song.path) in digests}


def _figures(songs: Sequence[LabelledSong], probabilities: Probabilities) -> dict[str, Any]:
    if not songs:
        raise DatasetError("no song of the dataset can be used; see the log for the reasons")
    truth = np.array([song.quadrant for song in songs], dtype=np.int64)
    rows = np.array([probabilities[song.file] for song in songs])
    return scored(truth, rows)
