"""A training run: folds for an honest figure, then the served model on all songs.

Layout of a run's folder::

    settings.json        what decides the weights; a resumed run must have the same
    folds.json           {"file": fold} of every song
    fold-00/             model folder of what was trained without fold 0; likewise the others
    final/               model folder of what was trained on all songs
    metrics.json         out-of-fold figures
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from moodcue.errors import MoodcueError
from moodcue.model_folder import WEIGHTS
from moodcue_mer_indexer.dataset import DatasetName, dataset_name, load_dataset
from moodcue_mer_indexer.evaluate import song_digest
from moodcue_mer_indexer.labels import LabelledSong
from moodcue_mer_indexer.mel import MelSettings
from moodcue_mer_indexer.model import QuadrantNetwork
from moodcue_mer_indexer.scores import scored
from moodcue_mer_indexer.training.backbone import TAGGER_MEL, Backbone, load_backbone
from moodcue_mer_indexer.training.cache import cache_spectrograms
from moodcue_mer_indexer.training.export import export_onnx
from moodcue_mer_indexer.training.figures import cut_song, load_figures
from moodcue_mer_indexer.training.files import write_json
from moodcue_mer_indexer.training.folds import SPLIT_SEED, assign_folds
from moodcue_mer_indexer.training.heads import (
    Heads,
    HeadSettings,
    fit_heads,
    fit_temperature,
    song_logits,
)
from moodcue_mer_indexer.training.package import package_model
from moodcue_mer_indexer.training.quantize import quantize

_log = structlog.get_logger(__name__)

CALIBRATION_SONGS: Final = 96
"""Songs of which one patch each decides the ranges of the eight bits."""

QUANTIZED_DIFFERENCE: Final = 0.02
"""Largest mean difference of a probability between the served graph and torch."""


class TrainingError(MoodcueError):
    """A run that cannot start or go on."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the outcome of a run, with the dataset and the backbone.

    Attributes:
        folds: Folds of the cross-validation.
        split_seed: Of the assignment of artists to folds.
        songs: Number of songs.
        backbone: Digest of the backbone's weights.
        mel: The spectrogram.
        heads: Hyperparameters.
    """

    folds: int
    split_seed: int
    songs: int
    backbone: str
    mel: MelSettings
    heads: HeadSettings


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Songs with what the backbone says of them."""

    songs: Sequence[LabelledSong]
    spectrograms: Sequence[Path]
    figures: Sequence[NDArray[np.float16]]
    targets: NDArray[np.float32]
    folds: NDArray[np.int64]


class _Served(nn.Module):
    def __init__(self, backbone: Backbone, heads: Heads) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads

    def forward(self, patches: Tensor) -> Tensor:
        return torch.softmax(self.heads(self.backbone(patches)), dim=1)


def train(
    data: Path,
    *,
    taggers: Path,
    out: Path,
    cache: Path,
    folds: int,
    settings: HeadSettings,
    jobs: int,
) -> dict[str, Any]:
    """Train the fold models and the served model; go on where an earlier call stopped.

    The backbone is left as it is: what it says of every patch is computed once and kept, which
    is nearly all of the time; the heads take seconds.

    Args:
        data: A dataset that `load_dataset` knows.
        taggers: Folder of the backbone's weights, see `load_backbone`.
        out: Folder of the run.
        cache: Folder of spectrograms and figures.
        folds: Folds of the cross-validation.
        settings: Hyperparameters.
        jobs: Processes, each with one thread.

    Returns:
        The out-of-fold figures, also in ``metrics.json``.

    Raises:
        DatasetError: The data do not have a layout that is known.
        AudioError: A song cannot be decoded.
        CheckpointError: The backbone cannot be read.
        TrainingError: The folder holds a run with other settings.
    """
    torch.set_num_threads(1)
    network = load_backbone(taggers)
    songs, dataset = load_dataset(data), dataset_name(data)
    run = RunSettings(
        folds=folds,
        split_seed=SPLIT_SEED,
        songs=len(songs),
        backbone=_digest(network),
        mel=TAGGER_MEL,
        heads=settings,
    )
    _claim(out, settings=run)
    loaded = _load(songs, network=network, run=run, cache=cache, jobs=jobs)
    assigned = loaded.folds.tolist()
    write_json(out / "folds.json", dict(zip((s.file for s in songs), assigned, strict=True)))
    trained, logits = _cross_validate(loaded, run=run)
    metrics = _calibrate(trained, loaded, logits=logits)
    write_json(out / "metrics.json", metrics)
    everything = fit_heads(loaded.figures, targets=loaded.targets, settings=settings)
    everything.calibrate(metrics["temperature"])
    for fold, heads in enumerate([*trained, everything]):
        final = heads is everything
        folder = out / ("final" if final else f"fold-{fold:02d}")
        seen = [i for i in range(len(songs)) if final or loaded.folds[i] != fold]
        _export(
            _Served(network, heads),
            folder=folder,
            data=loaded,
            seen=seen,
            run=run,
            dataset=dataset,
            metrics=metrics if final else {},
        )
        _log.info("model.written", folder=str(folder))
    return metrics


def _digest(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def _claim(out: Path, *, settings: RunSettings) -> None:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "settings.json"
    stated = msgspec.to_builtins(settings)
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != stated:
        raise TrainingError(
            f"{out} holds a run with other settings; give another --out, or remove that folder"
        )
    write_json(path, stated)


def _load(
    songs: Sequence[LabelledSong], *, network: Backbone, run: RunSettings, cache: Path, jobs: int
) -> _Data:
    spectrograms = cache_spectrograms(songs, settings=run.mel, cache=cache, workers=jobs)
    return _Data(
        songs=songs,
        spectrograms=spectrograms,
        figures=load_figures(
            spectrograms, backbone=network, digest=run.backbone, cache=cache, workers=jobs
        ),
        targets=np.array([song.targets for song in songs], dtype=np.float32),
        folds=assign_folds(songs, folds=run.folds, seed=run.split_seed),
    )


def _cross_validate(data: _Data, *, run: RunSettings) -> tuple[list[Heads], NDArray[np.float64]]:
    """Return the heads of every fold and the logits of songs that they have not seen."""
    trained = []
    logits = np.zeros((len(data.songs), data.targets.shape[1]))
    for fold in range(run.folds):
        seen, unseen = np.flatnonzero(data.folds != fold), np.flatnonzero(data.folds == fold)
        heads = fit_heads(
            [data.figures[i] for i in seen.tolist()],
            targets=data.targets[seen],
            settings=msgspec.structs.replace(run.heads, seed=run.heads.seed + 1 + fold),
        )
        logits[unseen] = song_logits(heads, [data.figures[i] for i in unseen.tolist()])
        trained.append(heads)
        _log.info("fold.done", fold=fold)
    return trained, logits


def _calibrate(
    trained: Sequence[Heads], data: _Data, *, logits: NDArray[np.float64]
) -> dict[str, Any]:
    """Give each fold's heads the temperature of the other folds; return the figures."""
    probabilities = np.zeros_like(logits)
    for fold, heads in enumerate(trained):
        others = data.folds != fold
        temperature = fit_temperature(logits[others], data.targets[others])
        heads.calibrate(temperature)
        probabilities[~others] = softmax(logits[~others] / temperature, axis=1)
    truth = np.array([song.quadrant for song in data.songs])
    return {
        "protocol": f"artist-disjoint {len(trained)}-fold cross-validation, out of fold",
        **scored(truth, probabilities),
        "temperature": fit_temperature(logits, data.targets),
    }


def _export(
    served: _Served,
    *,
    folder: Path,
    data: _Data,
    seen: Sequence[int],
    run: RunSettings,
    dataset: DatasetName,
    metrics: dict[str, Any],
) -> None:
    """Write a model folder in int8, unless it answers otherwise than torch."""
    exact, path = folder / "exact.onnx", folder / WEIGHTS
    export_onnx(served, path=exact, mel=run.mel, output="quadrants")
    some = seen[:: max(1, len(seen) // CALIBRATION_SONGS)]
    songs = [cut_song(np.load(data.spectrograms[i])) for i in some]
    patches = np.stack([song[len(song) // 2] for song in songs])
    quantize(exact, path, patches=patches)
    exact.unlink()
    with torch.no_grad():
        wanted = served(torch.from_numpy(patches)).numpy()
    answered = QuadrantNetwork(path, settings=run.mel).patch_probabilities(patches)
    difference = float(np.abs(wanted - answered).mean())
    if difference > QUANTIZED_DIFFERENCE:
        raise TrainingError(
            f"int8 differs from torch by {difference:.4f} on average, allowed is "
            f"{QUANTIZED_DIFFERENCE}; the backbone or the calibration songs are unusual"
        )
    package_model(
        folder,
        mel=run.mel,
        digests=[song_digest(data.songs[i].path) for i in seen],
        training={
            "dataset": dataset,
            "songs": len(seen),
            "folds": run.folds,
            "backbone": {"package": "musicnn 0.1.0", "digest": run.backbone},
            "heads": msgspec.to_builtins(run.heads),
            "int8_mean_difference": round(difference, 5),
        },
        metrics=metrics,
    )
