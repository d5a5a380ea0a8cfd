"""Measure a model on labelled songs, and say which of them it has been trained on."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from moodcue.errors import ModelError
from moodcue.model_folder import load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.analysis import Analysed, Failure, analyse_files
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.dataset import load_labels
from moodcue_mer_indexer.labels import DatasetError, LabelledSong
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.scores import scored

_log = structlog.get_logger(__name__)

TRAINING_SONGS = "training_songs.txt"
"""File of a model folder: the digest of every song that the model was trained on."""

Answers = Mapping[Path, Analysed | Failure]


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
    answers = _listen(songs, model_folder=model_folder, workers=workers)
    usable = [song for song in songs if isinstance(answers[song.path], Analysed)]
    seen = _seen(usable, model_folder=model_folder)
    unseen = [song for song in usable if song.file not in seen]
    protocol = "held out" if not seen else "mixed" if unseen else "training songs"
    if seen:
        _log.warning(
            "evaluation.of_training_songs",
            reason="songs of the training set are no measure of quality",
            seen_in_training=len(seen),
            remedy="give other songs, or --out-of-fold with the folder of the training run",
        )
    report: dict[str, Any] = {
        "dataset": "4q",
        "protocol": protocol,
        "seen_in_training": len(seen),
        **_figures(usable, answers),
        "failed": _failed(songs, answers),
        "model": manifest.name,
        "model_sha256": manifest.sha256,
        "cross_validation": manifest.metrics,
    }
    if protocol == "mixed":
        report["held_out"] = _figures(unseen, answers)
    return report


def evaluate_held_out_folds(
    data: Path, *, run: Path, workers: int, index: Path | None = None
) -> dict[str, Any]:
    """Return the figures of a run's fold models, each on the songs that it has not seen.

    ``seen_in_training`` counts the files that a model knows all the same, by their content.

    Args:
        data: Folder in the layout of 4Q.
        run: Folder of a finished training run on these songs.
        workers: Processes.
        index: Where to publish an index of what the fold models hear, for measurements of what is
            built on it: every song is in it as a model hears it that knows neither it nor its
            artist.

    Raises:
        DatasetError: The layout is another, or the folder holds no finished run on these songs.
        ModelError: A fold's model cannot be used, or does not say what it was trained on.
        IndexUnavailableError: The index folder holds something else.
    """
    songs = load_labels(data)
    try:
        folds: dict[str, int] = json.loads((run / "folds.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{run} holds no training run ({error.strerror}: folds.json); give the --out of train"
        ) from error
    known = [song for song in songs if song.file in folds]
    answers: dict[Path, Analysed | Failure] = {}
    seen: set[str] = set()
    for fold in sorted(set(folds.values())):
        held_out = [song for song in known if folds[song.file] == fold]
        model = run / f"fold-{fold:02d}"
        answers |= _listen(held_out, model_folder=model, workers=workers)
        there = [song for song in held_out if isinstance(answers[song.path], Analysed)]
        seen |= _seen(there, model_folder=model)
    if seen:
        _log.warning(
            "evaluation.of_known_files",
            reason="a file that is the same as one of another fold is no measure of quality",
            files=sorted(seen),
            remedy="give them the same artist in labels.csv, or keep one of them, and train again",
        )
    if index is not None:
        _publish(answers, data=data, index=index, model_folder=run / "final")
    return {
        "dataset": "4q",
        "protocol": f"out of {len(set(folds.values()))} artist-disjoint folds",
        "seen_in_training": len(seen),
        **_figures([song for song in known if isinstance(answers[song.path], Analysed)], answers),
        "failed": _failed(known, answers),
        "not_in_folds": len(songs) - len(known),
    }


def _listen(
    songs: Sequence[LabelledSong], *, model_folder: Path, workers: int
) -> dict[Path, Analysed | Failure]:
    paths = [song.path for song in songs]
    answers = dict(
        show_progress(
            analyse_files(paths, model_folder=model_folder, workers=workers),
            total=len(paths),
            label="Listening",
        )
    )
    for song in songs:
        if isinstance(answer := answers[song.path], Failure):
            _log.warning("file.skipped", path=song.file, reason=answer.reason, remedy=answer.remedy)
    return answers


def _publish(answers: Answers, *, data: Path, index: Path, model_folder: Path) -> None:
    unknown = Failure(
        kind="unsupported",
        reason="it is in no fold of the training run",
        remedy="train again with it",
    )

    def known(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        return ((path, answers.get(path, unknown)) for path in paths)

    build_index(data, index=index, model_folder=model_folder, workers=1, analyse=known)


def _failed(songs: Sequence[LabelledSong], answers: Answers) -> dict[str, str]:
    return {
        song.file: answer.reason
        for song in songs
        if isinstance(answer := answers[song.path], Failure)
    }


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


def _figures(songs: Sequence[LabelledSong], answers: Answers) -> dict[str, Any]:
    if not songs:
        raise DatasetError("no song of the dataset can be used; see the log for the reasons")
    truth = np.array([song.quadrant for song in songs], dtype=np.int64)
    heard = (answers[song.path] for song in songs)
    rows = np.array([answer.emotion.quadrants for answer in heard if isinstance(answer, Analysed)])
    return scored(truth, rows)
