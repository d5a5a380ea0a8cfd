"""What each ingredient of the recipe brings: short runs, each with one ingredient more."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from moodcue_fer.datasets import Fer2013, load_fer2013
from moodcue_fer.evaluation import evaluate
from moodcue_fer.robustness import CHANGES, changed
from moodcue_fer.training.augment import Augmentation
from moodcue_fer.training.config import TrainingConfig
from moodcue_fer.training.network import FaceNetwork, NetworkShape
from moodcue_fer.training.train import Trainer, load_network, probabilities_of

SMALL: Final = NetworkShape(stem=16, widths=(32, 64, 128))
"""A quarter of the served network's work, so that all steps fit into an hour of one core."""

AVERAGE_DECAY: Final = 0.985
"""Of the moving average in these short runs, so that it does not remember their first epochs."""

PLAIN: Final = TrainingConfig(
    shape=SMALL,
    vote_share=0.0,
    debias=False,
    votes_weight=0.0,
    frontality_weight=0.0,
    mixup=0.0,
    average_decay=0.0,
    augmentation=Augmentation().times(0),
)
"""Labels as they are, mirrored and shifted crops, the last weights."""

FULL: Final = TrainingConfig()


def steps() -> Mapping[str, TrainingConfig]:
    """Return configurations by the ingredient that each adds to the one before."""
    full = FULL.augmentation
    plain = PLAIN
    averaged = replace(plain, average_decay=AVERAGE_DECAY)
    moved = replace(
        averaged,
        augmentation=replace(
            plain.augmentation, rotation_degrees=full.rotation_degrees, scale=full.scale
        ),
    )
    covered = replace(moved, augmentation=replace(moved.augmentation, cutout=full.cutout))
    degraded = replace(covered, augmentation=full)
    voted = replace(degraded, vote_share=FULL.vote_share)
    debiased = replace(voted, debias=True)
    predicted = replace(debiased, votes_weight=FULL.votes_weight)
    frontal = replace(predicted, frontality_weight=FULL.frontality_weight)
    mixed = replace(frontal, mixup=FULL.mixup)
    return {
        "plain": plain,
        "moving average of the weights": averaged,
        "rotation and size": moved,
        "cutout": covered,
        "light, blur, noise": degraded,
        "votes in the targets": voted,
        "votes as probable labels": debiased,
        "a head for the votes": predicted,
        "a head for frontality": frontal,
        "mixup": mixed,
    }


def ablate(
    data: Path, *, folder: Path, epochs: int, device: str, threads: int, yunet: Path | None
) -> Iterator[dict[str, Any]]:
    """Train every step and measure it on PublicTest; one record per step.

    Args:
        data: Folder of FER2013.
        folder: Folder of the runs; finished and unfinished ones are continued.
        epochs: Passes per run, the same for all.
        device: Device of torch.
        threads: Threads of torch on the CPU.
        yunet: ONNX file of YuNet, for the head for frontality.

    Raises:
        MoodcueError: The data is missing, or a folder holds another run.
    """
    torch.set_num_threads(threads)
    faces = load_fer2013(data)
    test = faces.select(faces.usage == "PublicTest")
    for place, (name, config) in enumerate(steps().items()):
        run = folder / f"{place:02d}"
        trainer = Trainer(
            faces, folder=run, config=replace(config, epochs=epochs), device=device, yunet=yunet
        )
        records = list(trainer.run())
        network, _ = load_network(run)
        yield {
            "ingredient": name,
            "epochs": epochs,
            "seconds": round(sum(record["seconds"] for record in records)),
            **_figures(network, test),
        }


def _figures(network: FaceNetwork, test: Fer2013) -> dict[str, float]:
    figures = evaluate(probabilities_of(network, test.crops), test.labels)
    worse = [
        float(
            (probabilities_of(network, changed(test.crops, change)).argmax(1) == test.labels).mean()
        )
        for change in CHANGES.values()
    ]
    return {
        **{key: figures[key] for key in ("n", "accuracy", "macro_f1", "ece")},
        "accuracy_over_changes": float(np.mean(worse)),
    }
