"""Train the network on FER2013, with checkpoints that a later call continues from."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from moodcue.errors import MoodcueError
from moodcue_fer.datasets import Fer2013, load_fer2013
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.data import Augmentation, augment, soft_targets, split_training
from moodcue_fer.training.network import FaceNetwork

CHECKPOINT: Final = "checkpoint.pt"
BEST: Final = "best.pt"
LOG: Final = "log.jsonl"
CONFIG: Final = "config.json"
MEASURE_BATCH: Final = 256


class TrainingError(MoodcueError):
    """A run cannot be started, continued or exported."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides what a run gives.

    Attributes:
        epochs: Passes over the training pictures.
        batch_size: Pictures per step.
        learning_rate: Peak of the one-cycle schedule (SGD with Nesterov momentum 0.9).
        weight_decay: L2 penalty on the weights.
        dropout: Share of pooled features dropped.
        vote_share: Weight of the FER+ votes in the targets, 0..1.
        smoothing: Weight of the uniform distribution in the targets, 0..1.
        mixup: Parameter of the Beta distribution of mixup, 0 for none.
        average_decay: Decay per step of the moving average of the weights.
        held_out_share: Share of Training that is held out, 0..1.
        seed: Seed of the split, the weights, the order and the augmentation.
        augmentation: Ranges of the augmentation.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.12
    weight_decay: float = 5e-4
    dropout: float = 0.3
    vote_share: float = 0.3
    smoothing: float = 0.03
    mixup: float = 0.0
    average_decay: float = 0.998
    held_out_share: float = 0.08
    seed: int = 7
    augmentation: Augmentation = field(default_factory=Augmentation)


class Trainer:
    """One run in one folder.

    Args:
        faces: All of FER2013; only its Training part is used.
        folder: Folder of the run: log, configuration and checkpoints.
        config: What to do.
        device: `cpu`, `cuda` or another device of torch.
    """

    def __init__(
        self, faces: Fer2013, *, folder: Path, config: TrainingConfig, device: str = "cpu"
    ) -> None:
        self._config = config
        self._folder = folder
        self._device = torch.device(device)
        split = split_training(faces, held_out_share=config.held_out_share, seed=config.seed)
        targets = soft_targets(
            split.train, vote_share=config.vote_share, smoothing=config.smoothing
        )
        self._split = split
        self._crops = torch.from_numpy(preprocess(split.train.crops)).to(self._device)
        self._targets = torch.from_numpy(targets).to(self._device)
        self._held_out_crops = torch.from_numpy(preprocess(split.held_out.crops)).to(self._device)
        self._held_out_labels = torch.from_numpy(split.held_out.labels).to(self._device)
        torch.manual_seed(config.seed)
        network = FaceNetwork(dropout=config.dropout)
        self._network = network.to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it
        self._average = AveragedModel(
            self._network,
            multi_avg_fn=get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]  # torch has no types here
                config.average_decay
            ),
            use_buffers=True,
        )
        self._optimizer = torch.optim.SGD(
            self._network.parameters(),
            lr=config.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=config.weight_decay,
        )
        self._steps_per_epoch = len(self._crops) // config.batch_size
        self._schedule = self._schedule_from(step=0)
        self._epoch = 0
        self._best = -1.0

    def run(self) -> Iterator[dict[str, Any]]:
        """Train to the last epoch, from the checkpoint in the folder if there is one.

        Yields:
            One record per epoch, as in the log: epoch, loss, held-out accuracy, seconds.

        Raises:
            TrainingError: The folder holds a run with another configuration.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        while self._epoch < self._config.epochs:
            start = time.monotonic()
            loss = self._train_epoch()
            self._epoch += 1
            accuracy = self._accuracy()
            record = {
                "epoch": self._epoch,
                "loss": loss,
                "held_out_accuracy": accuracy,
                "seconds": round(time.monotonic() - start, 1),
            }
            self._log(record)
            self._save(accuracy)
            yield record

    def _schedule_from(self, *, step: int) -> torch.optim.lr_scheduler.OneCycleLR:
        return torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            max_lr=self._config.learning_rate,
            total_steps=self._steps_per_epoch * self._config.epochs,
            pct_start=0.2,
            last_epoch=step - 1,
        )

    def _train_epoch(self) -> float:
        config = self._config
        seed = config.seed * 10_000 + self._epoch
        torch.manual_seed(seed)  # dropout draws from the global generator
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self._crops), generator=generator)
        self._network.train()
        total = 0.0
        for step in range(self._steps_per_epoch):
            places = order[step * config.batch_size : (step + 1) * config.batch_size]
            crops = augment(self._crops[places], settings=config.augmentation, generator=generator)
            crops, targets = self._mix(crops, self._targets[places], step=step)
            loss = functional.cross_entropy(
                self._network(crops.contiguous(memory_format=torch.channels_last)), targets
            )
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # as above
            self._optimizer.step()
            self._schedule.step()
            self._average.update_parameters(self._network)
            total += loss.item()
        return total / self._steps_per_epoch

    def _mix(
        self, crops: torch.Tensor, targets: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._config.mixup == 0:
            return crops, targets
        generator = np.random.default_rng([self._config.seed, self._epoch, step])
        share = float(generator.beta(self._config.mixup, self._config.mixup))
        return (
            share * crops + (1 - share) * crops.flip(0),
            share * targets + (1 - share) * targets.flip(0),
        )

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._average.eval()
        logits = torch.cat(
            [
                self._average(self._held_out_crops[start : start + MEASURE_BATCH])
                for start in range(0, len(self._held_out_crops), MEASURE_BATCH)
            ]
        )
        return float((logits.argmax(1) == self._held_out_labels).float().mean())

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.is_file():
            self._write_config()
            self._log(
                {
                    "train": len(self._crops),
                    "held_out": len(self._held_out_crops),
                    "dropped_test_duplicates": self._split.dropped_test_duplicates,
                    "dropped_non_faces": self._split.dropped_non_faces,
                }
            )
            return
        before = read_config(self._folder)
        if replace(before, epochs=self._config.epochs) != self._config:
            raise TrainingError(
                f"{self._folder} holds a run with another configuration: name another folder"
            )
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._epoch, self._best = state["epoch"], state["best"]
        # Made anew instead of restored, so that a run may be given more or fewer epochs: the
        # schedule goes on at the same step of the new length.
        self._schedule = self._schedule_from(step=self._epoch * self._steps_per_epoch)
        if before.epochs != self._config.epochs:
            self._write_config()
            self._log({"epochs": self._config.epochs, "from_epoch": self._epoch})

    def _write_config(self) -> None:
        text = json.dumps(asdict(self._config), indent=2)
        (self._folder / CONFIG).write_text(text + "\n", encoding="utf-8")

    def _save(self, accuracy: float) -> None:
        if accuracy > self._best:
            self._best = accuracy
            weights = self._average.module.state_dict()
            self._write(BEST, {"network": weights, "epoch": self._epoch, "accuracy": accuracy})
        state = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "epoch": self._epoch,
            "best": self._best,
        }
        self._write(CHECKPOINT, state)

    def _write(self, name: str, state: dict[str, Any]) -> None:
        # Written beside and renamed: a run killed while saving keeps its last good checkpoint.
        partial = self._folder / f"{name}.partial"
        torch.save(state, partial)
        partial.replace(self._folder / name)

    def _log(self, line: dict[str, Any]) -> None:
        with (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def train(
    data: Path, *, folder: Path, changes: dict[str, Any], device: str, threads: int
) -> Iterator[dict[str, Any]]:
    """Train on FER2013 and yield one record per epoch.

    Args:
        data: Folder of FER2013.
        folder: Folder of the run; a run that it holds is continued.
        changes: Fields of `TrainingConfig` that differ from their defaults.
        device: Device of torch.
        threads: Threads of torch on the CPU.

    Raises:
        MoodcueError: The data is missing, or the folder holds another run.
    """
    torch.set_num_threads(threads)
    config = TrainingConfig(**changes)
    trainer = Trainer(load_fer2013(data), folder=folder, config=config, device=device)
    yield from trainer.run()


def read_config(folder: Path) -> TrainingConfig:
    """Read the configuration of a run.

    Raises:
        TrainingError: The folder holds no run.
    """
    try:
        return msgspec.json.decode((folder / CONFIG).read_bytes(), type=TrainingConfig)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"{folder} holds no run: {error}") from error
