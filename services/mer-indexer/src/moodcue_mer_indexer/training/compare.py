"""Networks trained from random weights on the same folds with the same budget."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from moodcue_mer_indexer.dataset import load_dataset
from moodcue_mer_indexer.labels import LabelledSong
from moodcue_mer_indexer.mel import MelSettings
from moodcue_mer_indexer.scores import scored
from moodcue_mer_indexer.training.architectures import (
    ARCHITECTURES,
    build_network,
    parameters_of,
)
from moodcue_mer_indexer.training.baselines import (
    classify_by_svm,
    load_hand_features,
    most_frequent,
    read_features,
)
from moodcue_mer_indexer.training.cache import load_spectrograms
from moodcue_mer_indexer.training.files import write_json
from moodcue_mer_indexer.training.fit import FitSettings, fit, predict_songs
from moodcue_mer_indexer.training.folds import SPLIT_SEED, assign_folds

_log = structlog.get_logger(__name__)

COMPARED_MEL: Final = MelSettings(
    sample_rate=16_000,
    n_fft=1024,
    hop_length=512,
    n_mels=64,
    fmin=30.0,
    fmax=8_000.0,
    patch_frames=256,
)
"""32 ms per frame, 8.2 s per patch."""

SPECTROGRAMS: Final = {
    "mel": COMPARED_MEL,
    "linear": msgspec.structs.replace(COMPARED_MEL, scale="linear"),
}
"""The inputs that are compared, by name."""


@dataclass(frozen=True, kw_only=True)
class _Data:
    songs: Sequence[LabelledSong]
    spectrograms: Sequence[NDArray[np.float16]]
    targets: NDArray[np.float32]
    truth: NDArray[np.int64]
    folds: NDArray[np.int64]
    mel: MelSettings


def compare(
    data: Path,
    *,
    out: Path,
    cache: Path,
    folds: int,
    settings: FitSettings,
    jobs: int,
    features: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Train every architecture on every spectrogram and yield one record for each.

    Args:
        data: A dataset that `load_dataset` knows.
        out: Folder of the runs; what is finished there is not trained again.
        cache: Folder of spectrograms.
        folds: Artist-disjoint folds.
        settings: Budget and augmentation, the same for all; the architecture is replaced.
        jobs: Processes that compute spectrograms and features.
        features: Table of features of one's own, for an SVM on the same folds.

    Yields:
        First the baselines: the most frequent quadrant, and an SVM on the features of
        `baselines` and on those of the table. Then per network: its name,
        spectrogram, parameters, seconds of processor time and the out-of-fold figures.

    Raises:
        DatasetError: The data do not have a layout that is known.
        AudioError: A song cannot be decoded.
    """
    torch.set_num_threads(1)
    songs = load_dataset(data)
    targets = np.array([song.targets for song in songs], dtype=np.float32)
    truth = np.array([song.quadrant for song in songs])
    assigned = assign_folds(songs, folds=folds, seed=SPLIT_SEED)
    always = most_frequent(truth, folds=assigned)
    yield _baseline("most frequent quadrant", truth=truth, answers=always)
    tables = {"svm on hand features": load_hand_features(songs, cache=cache, workers=jobs)}
    if features is not None:
        tables[f"svm on {features.stem}"] = read_features(features, songs=songs)
    for name, table in tables.items():
        answers = classify_by_svm(table, truth=truth, folds=assigned)
        yield _baseline(name, truth=truth, answers=answers)
    for name, mel in SPECTROGRAMS.items():
        loaded = _Data(
            songs=songs,
            spectrograms=load_spectrograms(songs, settings=mel, cache=cache, workers=jobs),
            targets=targets,
            truth=truth,
            folds=assigned,
            mel=mel,
        )
        for architecture in ARCHITECTURES:
            yield _measure(
                loaded,
                folder=out / f"{architecture}-{name}",
                settings=msgspec.structs.replace(settings, architecture=architecture),
                spectrogram=name,
            )


def _baseline(
    name: str, *, truth: NDArray[np.int64], answers: NDArray[np.float64]
) -> dict[str, Any]:
    # A decision without probabilities has no calibration.
    return {"architecture": name, **scored(truth, answers), "ece": None}


def _measure(
    data: _Data, *, folder: Path, settings: FitSettings, spectrogram: str
) -> dict[str, Any]:
    seconds = 0.0
    probabilities = np.zeros_like(data.targets, dtype=np.float64)
    for fold in range(int(data.folds.max()) + 1):
        unseen = np.flatnonzero(data.folds == fold)
        answer = _held_out(data, folder=folder, settings=settings, fold=fold)
        probabilities[unseen] = answer["probabilities"]
        seconds += answer["seconds"]
        _log.info("fold.done", architecture=settings.architecture, input=spectrogram, fold=fold)
    network = build_network(settings.architecture, n_mels=data.mel.n_mels, dropout=settings.dropout)
    return {
        "architecture": settings.architecture,
        "spectrogram": spectrogram,
        "epochs": settings.epochs,
        "parameters": parameters_of(network),
        "seconds": round(seconds),
        **scored(data.truth, probabilities),
    }


def _held_out(data: _Data, *, folder: Path, settings: FitSettings, fold: int) -> dict[str, Any]:
    """Return the probabilities of a fold's songs by a network that has not seen them.

    Processor time stands beside them; that of epochs before an interruption is not in it.
    """
    finished = folder / f"fold-{fold:02d}.json"
    stated = _stated(data, settings=settings)
    if finished.is_file():
        kept: dict[str, Any] = json.loads(finished.read_text(encoding="utf-8"))
        if kept["stated"] == stated:
            return kept
    seen, unseen = np.flatnonzero(data.folds != fold), np.flatnonzero(data.folds == fold)
    start = time.process_time()
    checkpoint = folder / f"fold-{fold:02d}-{stated[:8]}.pt"
    network = fit(
        [data.spectrograms[i] for i in seen.tolist()],
        targets=data.targets[seen],
        settings=settings,
        checkpoint=checkpoint,
        device=torch.device("cpu"),
        report=lambda _epoch, _loss: None,
    )
    rows = predict_songs(
        network,
        [data.spectrograms[i] for i in unseen.tolist()],
        patch_frames=settings.patch_frames,
        device=torch.device("cpu"),
    )
    answer = {
        "stated": stated,
        "seconds": time.process_time() - start,
        "probabilities": rows.tolist(),
    }
    write_json(finished, answer)
    checkpoint.unlink(missing_ok=True)
    return answer


def _stated(data: _Data, *, settings: FitSettings) -> str:
    """Return a digest of all that decides a fold's answer, so that another one is not taken."""
    songs = [
        (song.file, int(fold), song.targets)
        for song, fold in zip(data.songs, data.folds, strict=True)
    ]
    return hashlib.sha256(msgspec.json.encode((settings, data.mel, songs))).hexdigest()
