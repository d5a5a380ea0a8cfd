"""A training run: folds for an honest figure, then the served model on all songs.

Layout of a run's folder::

    settings.json        what decides the weights; a resumed run must have the same
    folds.json           {"file": fold} of every song
    fold-00/model.onnx   trained without fold 0; likewise for the others
    final/model.onnx     trained on all songs
    metrics.json         out-of-fold figures
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from moodcue.errors import MoodcueError
from moodcue_mer_indexer.dataset import LabelledSong, load_labels
from moodcue_mer_indexer.evaluate import song_digest
from moodcue_mer_indexer.mel import MelSettings
from moodcue_mer_indexer.metrics import macro_f1_interval, quadrant_metrics
from moodcue_mer_indexer.processes import worker_pool
from moodcue_mer_indexer.training.cache import load_spectrograms
from moodcue_mer_indexer.training.export import export_onnx
from moodcue_mer_indexer.training.fit import FitSettings, fit, predict_songs
from moodcue_mer_indexer.training.folds import assign_folds
from moodcue_mer_indexer.training.package import package_model

__all__ = ["MEL_SETTINGS", "RunSettings", "TrainingError", "train"]

log = structlog.get_logger(__name__)

MEL_SETTINGS = MelSettings(
    sample_rate=16_000,
    n_fft=1024,
    hop_length=512,
    n_mels=64,
    fmin=30.0,
    fmax=8_000.0,
    patch_frames=256,
)
"""32 ms per frame, 8.2 s per patch."""


class TrainingError(MoodcueError):
    """A run that cannot start or go on."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the outcome of a run, with the dataset.

    Attributes:
        folds: Folds of the cross-validation.
        split_seed: Of the assignment of artists to folds.
        songs: Number of songs.
        mel: The spectrogram.
        fit: Hyperparameters of every network.
    """

    folds: int
    split_seed: int
    songs: int
    mel: MelSettings
    fit: FitSettings


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One network to train: on all songs outside the fold, or on all (`fold` is None)."""

    folder: Path
    fold: int | None


def train(
    data: Path,
    *,
    out: Path,
    cache: Path,
    folds: int,
    fit_settings: FitSettings,
    device: str,
    jobs: int,
) -> dict[str, Any]:
    """Train the fold models and the served model; go on where an earlier call stopped.

    Args:
        data: Folder in the layout of 4Q.
        out: Folder of the run.
        cache: Folder of spectrograms.
        folds: Folds of the cross-validation.
        fit_settings: Hyperparameters.
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
        jobs: Networks trained at the same time, each with one thread.

    Returns:
        The out-of-fold figures, also in ``metrics.json``.

    Raises:
        DatasetError: The data do not have the layout.
        AudioError: A song cannot be decoded.
        TrainingError: The folder holds a run with other settings.
    """
    songs = load_labels(data)
    settings = RunSettings(
        folds=folds, split_seed=7, songs=len(songs), mel=MEL_SETTINGS, fit=fit_settings
    )
    _claim(out, settings=settings)
    assigned = assign_folds(songs, folds=folds, seed=settings.split_seed)
    _write_json(out / "folds.json", {s.file: int(f) for s, f in zip(songs, assigned, strict=True)})
    load_spectrograms(songs, settings=settings.mel, cache=cache, workers=os.cpu_count() or 1)
    work = partial(
        _train_one, songs=songs, assigned=assigned, settings=settings, cache=cache, device=device
    )
    todo = [_Job(folder=out / f"fold-{fold:02d}", fold=fold) for fold in range(folds)]
    todo.append(_Job(folder=out / "final", fold=None))
    with worker_pool(jobs) as pool:
        held_out = list(pool.map(work, todo))[:-1]
    metrics = _out_of_fold(songs, assigned=assigned, held_out=held_out)
    _package(todo, songs=songs, assigned=assigned, settings=settings, metrics=metrics)
    _write_json(out / "metrics.json", metrics)
    return metrics


def _claim(out: Path, *, settings: RunSettings) -> None:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "settings.json"
    stated = msgspec.to_builtins(settings)
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != stated:
        raise TrainingError(
            f"{out} holds a run with other settings; give another --out, or remove that folder"
        )
    _write_json(path, stated)


def _train_one(
    job: _Job,
    *,
    songs: Sequence[LabelledSong],
    assigned: NDArray[np.int64],
    settings: RunSettings,
    cache: Path,
    device: str,
) -> list[list[float]]:
    """Train and export one network; return its probabilities for the songs that it never saw."""
    finished = job.folder / "held_out.json"
    if finished.is_file():
        done: list[list[float]] = json.loads(finished.read_text(encoding="utf-8"))
        return done
    torch.set_num_threads(1)
    target = _device(device)
    spectrograms = load_spectrograms(songs, settings=settings.mel, cache=cache, workers=1)
    quadrants = np.array([song.quadrant for song in songs], dtype=np.int64)
    seen = [i for i in range(len(songs)) if assigned[i] != job.fold]
    unseen = [i for i in range(len(songs)) if assigned[i] == job.fold]
    offset = settings.folds if job.fold is None else job.fold
    network = fit(
        [spectrograms[i] for i in seen],
        quadrants=quadrants[seen],
        settings=msgspec.structs.replace(settings.fit, seed=settings.fit.seed + offset),
        checkpoint=job.folder / "checkpoint.pt",
        device=target,
        report=lambda epoch, loss: log.info(
            "epoch done", model=job.folder.name, epoch=epoch, loss=round(loss, 4)
        ),
    )
    frames = settings.mel.patch_frames
    rows = predict_songs(
        network, [spectrograms[i] for i in unseen], patch_frames=frames, device=target
    )
    export_onnx(
        network,
        path=job.folder / "model.onnx",
        n_mels=settings.mel.n_mels,
        patch_frames=frames,
    )
    _write_json(finished, rows.tolist())
    _log_fold(job, truth=quadrants[unseen], rows=rows)
    return rows.tolist()  # type: ignore[no-any-return]


def _package(
    jobs: Sequence[_Job],
    *,
    songs: Sequence[LabelledSong],
    assigned: NDArray[np.int64],
    settings: RunSettings,
    metrics: dict[str, Any],
) -> None:
    digests = [song_digest(song.path) for song in songs]
    for job in jobs:
        seen = [d for d, fold in zip(digests, assigned, strict=True) if fold != job.fold]
        package_model(
            job.folder,
            mel=settings.mel,
            digests=seen,
            training={
                "data": "4Q audio emotion dataset (Panda et al. 2018)",
                "songs": len(seen),
                "folds": settings.folds,
                "fit": msgspec.to_builtins(settings.fit),
            },
            metrics=metrics if job.fold is None else {},
        )


def _log_fold(job: _Job, *, truth: NDArray[np.int64], rows: NDArray[np.float64]) -> None:
    if job.fold is not None:
        figures = quadrant_metrics(truth, rows)
        log.info("fold done", fold=job.fold, macro_f1=round(figures["macro_f1"], 4))


def _out_of_fold(
    songs: Sequence[LabelledSong],
    *,
    assigned: NDArray[np.int64],
    held_out: Sequence[list[list[float]]],
) -> dict[str, Any]:
    probabilities = np.zeros((len(songs), 4))
    for fold, rows in enumerate(held_out):
        probabilities[assigned == fold] = rows
    truth = np.array([song.quadrant for song in songs], dtype=np.int64)
    return {
        "protocol": f"artist-disjoint {len(held_out)}-fold cross-validation, out of fold",
        "n": len(songs),
        **quadrant_metrics(truth, probabilities),
        "macro_f1_interval_95": list(macro_f1_interval(truth, probabilities)),
    }


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
