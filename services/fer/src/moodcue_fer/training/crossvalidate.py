"""The protocol of CK+: ten folds by person, and the leaky random split beside it for contrast."""

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from moodcue_fer.datasets import CkPlus, DatasetError, load_ck_plus
from moodcue_fer.training.augment import Augmentation, augment
from moodcue_fer.training.network import FaceNetwork
from moodcue_fer.training.precision import mixed_precision
from moodcue_fer.training.train import probabilities_of, starting_network

FOLDS: Final = 10
EPOCHS: Final = 20
BATCH: Final = 32
LEARNING_RATE: Final = 0.02
WEIGHT_DECAY: Final = 5e-4
SEED: Final = 7


def cross_validate(
    data: Path, *, start: Path | None, split: str, threads: int, epochs: int = EPOCHS
) -> Iterator[dict[str, Any]]:
    """Fine-tune a network on nine tenths of CK+ and measure it on the last, ten times.

    The number of epochs is fixed beforehand and the last weights are measured, so that nothing is
    chosen on the tested fold.

    Args:
        data: Folder of CK+.
        start: Run or model folder to begin with, which has not seen CK+; None: random weights.
        split: `subject`: nobody is in two folds. `random`: pictures are dealt out at random, so
            that near copies of a tested picture are trained on.
        threads: Threads of torch.
        epochs: Passes per fold.

    Yields:
        One record per fold, then one with the mean and the deviation over the folds.

    Raises:
        MoodcueError: The data is missing, or what to begin with.
    """
    torch.set_num_threads(threads)
    faces = load_ck_plus(data)
    folds = fold_numbers(faces, split=split)
    if len(np.unique(folds)) < FOLDS:
        raise DatasetError(
            f"{data} has {len(np.unique(faces.subjects))} people and {len(folds)} pictures, too "
            f"few for {FOLDS} folds: give all of CK+"
        )
    accuracies: list[float] = []
    by_sequence: list[float] = []
    answers = np.full(len(faces.labels), -1, dtype=np.int64)
    for fold in range(FOLDS):
        begun, tested = time.monotonic(), folds == fold
        before = FaceNetwork() if start is None else starting_network(start, faces.crops[~tested])
        network = fine_tuned(before, faces, ~tested, epochs=epochs, seed=SEED + fold)
        probabilities = probabilities_of(network, faces.crops[tested])
        answers[tested] = probabilities.argmax(1)
        accuracies.append(float((answers[tested] == faces.labels[tested]).mean()))
        by_sequence.append(_sequence_accuracy(probabilities, faces, tested))
        yield {
            "fold": fold + 1,
            "n": int(tested.sum()),
            "subjects": len(set(faces.subjects[tested])),
            "accuracy": accuracies[-1],
            "seconds": round(time.monotonic() - begun),
        }
    yield {
        "split": split,
        "folds": FOLDS,
        "n": len(answers),
        "begun_with": "random weights" if start is None else "what was given",
        "accuracy_mean": float(np.mean(accuracies)),
        "accuracy_deviation": float(np.std(accuracies, ddof=1)),
        "accuracy_of_all": float((answers == faces.labels).mean()),
        "accuracy_by_sequence_mean": float(np.mean(by_sequence)),
        "recall": {
            name: float((answers[faces.labels == place] == place).mean())
            for place, name in enumerate(faces.names)
        },
    }


def fold_numbers(faces: CkPlus, *, split: str) -> npt.NDArray[np.int64]:
    """Return the fold of each picture, 0..9, shape (n,).

    Args:
        faces: All of CK+.
        split: `subject` deals out people, those with most pictures first, to the fold that has
            least; `random` deals out pictures.
    """
    random = np.random.default_rng(SEED)
    if split == "random":
        return np.asarray(random.permutation(np.arange(len(faces.labels)) % FOLDS), dtype=np.int64)
    people, counts = np.unique(faces.subjects, return_counts=True)
    order = sorted(random.permutation(len(people)), key=lambda place: -counts[place])
    sizes = np.zeros(FOLDS, dtype=np.int64)
    fold_of: dict[str, int] = {}
    for place in order:
        fold = int(sizes.argmin())
        fold_of[str(people[place])] = fold
        sizes[fold] += counts[place]
    return np.array([fold_of[str(subject)] for subject in faces.subjects], dtype=np.int64)


def fine_tuned(
    before: FaceNetwork, faces: CkPlus, trained: npt.NDArray[np.bool_], *, epochs: int, seed: int
) -> FaceNetwork:
    """Return a copy of a network with a new head for CK+, trained on some of its pictures.

    Args:
        before: Where to begin.
        faces: All of CK+.
        trained: Which pictures to train on, shape (n,).
        epochs: Passes over them.
        seed: Of order and augmentation.
    """
    torch.manual_seed(seed)
    network = copy.deepcopy(before)
    network.labels = nn.Linear(network.labels.in_features, len(faces.names))
    network.train()
    crops = torch.from_numpy(faces.crops[trained]).unsqueeze(1)
    labels = torch.from_numpy(faces.labels[trained])
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=LEARNING_RATE,
        momentum=0.9,
        nesterov=True,
        weight_decay=WEIGHT_DECAY,
    )
    steps = len(crops) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=steps * epochs, pct_start=0.2
    )
    generator = torch.Generator().manual_seed(seed)
    settings = Augmentation()
    for _ in range(epochs):
        for places in torch.randperm(len(crops), generator=generator)[: steps * BATCH].split(BATCH):  # type: ignore[no-untyped-call]  # torch has no types here
            inputs = augment(crops[places], settings=settings, generator=generator)
            with mixed_precision(crops.device):
                answers = network(inputs)
            loss = functional.cross_entropy(answers.labels.float(), labels[places])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # as above
            optimizer.step()
            schedule.step()
    return network.eval()


def _sequence_accuracy(
    probabilities: npt.NDArray[np.float32], faces: CkPlus, tested: npt.NDArray[np.bool_]
) -> float:
    """Return how often the mean over a sequence's tested pictures is right."""
    sequences, labels = faces.sequences[tested], faces.labels[tested]
    right = [
        probabilities[sequences == sequence].mean(axis=0).argmax()
        == labels[sequences == sequence][0]
        for sequence in np.unique(sequences)
    ]
    return float(np.mean(right))
