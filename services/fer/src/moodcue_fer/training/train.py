"""Train the network on FER2013, with checkpoints that a later call continues from."""

import copy
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from moodcue.model_folder import MANIFEST
from moodcue_fer.datasets import Fer2013, load_fer2013
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.augment import augment, standardise
from moodcue_fer.training.config import TrainingConfig, read_training_config
from moodcue_fer.training.data import TrainingSplit, soft_targets, split_training, vote_shares
from moodcue_fer.training.frontality import measure_frontality
from moodcue_fer.training.losses import Targets, loss_of
from moodcue_fer.training.network import FaceNetwork, channels_last
from moodcue_fer.training.precision import mixed_precision
from moodcue_fer.training.recorded import Learn, recorded
from moodcue_fer.training.run import (
    BEST,
    CHECKPOINT,
    FRONTALITY_FILE,
    TrainingError,
    load_state,
    log_record,
    save_state,
    write_config,
)
from moodcue_fer.training.separable import separated
from moodcue_fer.training.shipped import network_of_model, renormalise

MEASURE_BATCH: Final = 256
STATISTICS_FACES: Final = 512
CALM: Final = 0.5
"""How much of the augmentation is left in the calm epochs."""


class Trainer:
    """One run in one folder.

    Args:
        faces: All of FER2013; only its Training part is used.
        folder: Folder of the run: log, configuration and checkpoints.
        config: What to do.
        device: `cpu`, `cuda` or another device of torch.
        yunet: ONNX file of YuNet, which says how frontal the faces are; None: not learned.
        teachers: Trained networks whose mean answer to a picture, as it is changed for training,
            is mixed into its targets with `teacher_share`.
        start: Trained network of the same shape to begin with, or with whole convolutions where
            this one has separable ones; None: random weights.

    Raises:
        TrainingError: The device cannot be used, a batch has more pictures than there are, or
            `start` has another shape.
    """

    def __init__(
        self,
        faces: Fer2013,
        *,
        folder: Path,
        config: TrainingConfig,
        device: str = "cpu",
        yunet: Path | None = None,
        teachers: Sequence[FaceNetwork] = (),
        start: FaceNetwork | None = None,
    ) -> None:
        self._config = config
        self._folder = folder
        self._device = usable_device(device)
        self._split = split_training(
            faces, held_out_share=config.held_out_share, seed=config.split_seed
        )
        folder.mkdir(parents=True, exist_ok=True)
        frontal = yunet is not None or (folder / FRONTALITY_FILE).is_file()
        others = [*teachers, *([start] if start is not None else [])]
        self._material = _digest(faces, others, frontal=frontal)
        self._crops = _as_tensor(self._split.train.crops).to(self._device)
        self._targets = self._make_targets(self._split, yunet=yunet)
        self._held_out_crops = _as_tensor(self._split.held_out.crops).to(self._device)
        self._held_out_labels = torch.from_numpy(self._split.held_out.labels).to(self._device)
        self._generator = torch.Generator(self._device)
        self._teachers = (
            [channels_last(teacher.eval().to(self._device)) for teacher in teachers]
            if config.teacher_share > 0
            else []
        )
        self._recorded: dict[bool, Learn] = {}
        torch.manual_seed(config.seed)
        self._network = channels_last(
            FaceNetwork(config.shape, dropout=config.dropout).to(self._device)
        )
        if start is not None:
            self._begin_with(start)
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
        if self._steps_per_epoch == 0:
            raise TrainingError(
                f"a batch of {config.batch_size} is more than the {len(self._crops)} pictures to "
                "train on: give a smaller --batch-size"
            )
        self._schedule = self._schedule_from(step=0)
        self._epoch = 0
        self._best = -1.0

    def _begin_with(self, start: FaceNetwork) -> None:
        rank = self._config.shape.rank
        if rank is not None and start.shape.rank is None:
            start = separated(start, rank=rank)
        try:
            self._network.load_state_dict(start.state_dict())
        except RuntimeError as error:
            raise TrainingError(
                "what to start with has a network of another shape: give its --channels and --rank"
            ) from error

    def _make_targets(self, split: TrainingSplit, *, yunet: Path | None) -> Targets:
        config, faces = self._config, split.train
        labels = soft_targets(
            faces, vote_share=config.vote_share, smoothing=config.smoothing, debias=config.debias
        )
        frontality = np.full(len(faces.labels), np.nan, dtype=np.float32)
        known = self._folder / FRONTALITY_FILE
        if yunet is not None and not known.is_file():
            _save_array(measure_frontality(faces.crops, yunet=yunet), known)
        if known.is_file():
            frontality = np.asarray(np.load(known), dtype=np.float32)
        return Targets(
            labels=torch.from_numpy(labels).to(self._device),
            votes=torch.from_numpy(vote_shares(faces)).to(self._device),
            frontality=torch.from_numpy(frontality).to(self._device),
        )

    def run(self) -> Iterator[dict[str, Any]]:
        """Train to the last epoch, from the checkpoint in the folder if there is one.

        Yields:
            One record per epoch, as in the log: epoch, loss, held-out accuracy, seconds.

        Raises:
            TrainingError: The folder holds a run with another configuration or on other data, or
                its checkpoint is damaged or cannot be written.
        """
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
            self._save(accuracy)
            log_record(self._folder, record)
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
        self._network.train()
        learn = self._learning(calm=self._epoch >= config.epochs - config.calm_epochs)
        seed = config.seed * 10_000 + self._epoch
        torch.manual_seed(seed)  # dropout draws from the global generator
        self._generator.manual_seed(seed)
        order = torch.randperm(len(self._crops), generator=self._generator, device=self._device)
        total = torch.zeros((), device=self._device)
        for step in range(self._steps_per_epoch):
            places = order[step * config.batch_size : (step + 1) * config.batch_size]
            total += learn(places, self._share(step))
            self._optimizer.step()
            self._schedule.step()
            self._average.update_parameters(self._network)
        return total.item() / self._steps_per_epoch

    def _learning(self, *, calm: bool) -> Learn:
        """Return what leaves the gradients of a batch, on a GPU recorded."""
        learn = partial(self._learn, calm=calm)
        if self._device.type != "cuda":
            return learn
        if calm not in self._recorded:
            before = copy.deepcopy(self._network.state_dict())
            places = torch.arange(self._config.batch_size, device=self._device)
            self._recorded = {
                calm: recorded(
                    learn, places=places, share=self._share(0), generator=self._generator
                )
            }
            self._network.load_state_dict(before)
        return self._recorded[calm]

    def _learn(self, places: torch.Tensor, share: torch.Tensor, *, calm: bool) -> torch.Tensor:
        config = self._config
        changes = config.augmentation.times(CALM) if calm else config.augmentation
        crops = augment(self._crops[places], settings=changes, generator=self._generator)
        targets = self._targets.select(places)
        if config.mixup > 0 and not calm:
            crops, targets = share * crops + (1 - share) * crops.flip(0), targets.mixed(share)
        crops = crops.contiguous(memory_format=torch.channels_last)
        with self._precision():
            answers = self._network(crops)
        if self._teachers:
            targets = replace(targets, labels=self._taught(crops, targets.labels))
        loss = loss_of(answers, targets, config=config)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # as above
        return loss.detach()

    @torch.no_grad()
    def _taught(self, crops: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mix labels with what the teachers say of the very crops to learn from.

        A teacher knows the unchanged pictures by heart; of changed ones it tells what it has learnt
        (Beyer et al., 2022).
        """
        with self._precision():
            answers = [teacher(crops).labels for teacher in self._teachers]
        said = torch.stack([functional.softmax(answer.float(), 1) for answer in answers]).mean(0)
        share = self._config.teacher_share
        return (1 - share) * labels + share * said

    def _share(self, step: int) -> torch.Tensor:
        """Return the share that a picture keeps when it is mixed with another."""
        mixup = self._config.mixup
        generator = np.random.default_rng([self._config.seed, self._epoch, step])
        share = float(generator.beta(mixup, mixup)) if mixup > 0 else 1.0
        return torch.full((), share, device=self._device)

    def _precision(self) -> torch.autocast:
        return mixed_precision(self._device, wanted=self._config.bfloat16)

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._average.eval()
        with self._precision():
            logits = torch.cat(
                [
                    self._average(standardise(batch.float())).labels.float()
                    for batch in torch.split(self._held_out_crops, MEASURE_BATCH)
                ]
            )
        return float((logits.argmax(1) == self._held_out_labels).float().mean())

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.is_file():
            write_config(self._folder, self._config)
            log_record(
                self._folder,
                {
                    "train": len(self._crops),
                    "held_out": len(self._held_out_crops),
                    "dropped_test_duplicates": self._split.dropped_test_duplicates,
                    "dropped_non_faces": self._split.dropped_non_faces,
                },
            )
            return
        before = read_training_config(self._folder)
        epochs, calm_epochs = self._config.epochs, self._config.calm_epochs
        if replace(before, epochs=epochs, calm_epochs=calm_epochs) != self._config:
            raise TrainingError(
                f"{self._folder} holds a run with another configuration: name another folder"
            )
        state = load_state(path, device=self._device)
        if state.get("material", self._material) != self._material:
            raise TrainingError(
                f"{self._folder} holds a run on other data, with another --teacher or --start, or "
                "without --yunet: give the same as then, or name another folder"
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._epoch, self._best = state["epoch"], state["best"]
        # Made anew instead of restored, so that a run may be given more or fewer epochs: the
        # schedule goes on at the same step of the new length.
        self._schedule = self._schedule_from(step=self._epoch * self._steps_per_epoch)
        if before != self._config:
            write_config(self._folder, self._config)
            log_record(
                self._folder,
                {"epochs": epochs, "calm_epochs": calm_epochs, "from_epoch": self._epoch},
            )

    def _save(self, accuracy: float) -> None:
        if accuracy > self._best:
            self._best = accuracy
            weights = self._average.module.state_dict()
            best = {"network": weights, "epoch": self._epoch, "accuracy": accuracy}
            save_state(best, self._folder / BEST)
        state = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "epoch": self._epoch,
            "best": self._best,
            "material": self._material,
        }
        save_state(state, self._folder / CHECKPOINT)


def usable_device(name: str) -> torch.device:
    """Return a device of torch that answers.

    Raises:
        TrainingError: There is none of that name here.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    # AssertionError is what a torch without CUDA raises.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(
            f"--device {name} cannot be used here ({reason}): give --device cpu, or install a "
            "torch and a driver for it"
        ) from error
    return device


def _as_tensor(crops: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(crops).unsqueeze(1)


def _save_array(values: npt.NDArray[np.float32], path: Path) -> None:
    partial = path.with_name(f"partial-{path.name}")
    np.save(partial, values)
    partial.replace(path)


def _digest(faces: Fer2013, others: Sequence[FaceNetwork], *, frontal: bool) -> str:
    """Return a digest of what a run learns from: faces, other networks, frontality or none."""
    digest = hashlib.sha256(str(frontal).encode())
    for values in (faces.crops, faces.labels, faces.groups, faces.votes, faces.other_votes):
        digest.update(values.tobytes())
    for network in others:
        for weights in network.state_dict().values():
            digest.update(weights.cpu().numpy().tobytes())
    return digest.hexdigest()


def train(
    data: Path,
    *,
    folder: Path,
    changes: dict[str, Any],
    device: str,
    threads: int,
    yunet: Path | None = None,
    teachers: Sequence[Path] = (),
    start: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Train on FER2013 and yield one record per epoch.

    Args:
        data: Folder of FER2013.
        folder: Folder of the run; a run that it holds is continued.
        changes: Fields of `TrainingConfig` that differ from their defaults.
        device: Device of torch.
        threads: Threads of torch on the CPU.
        yunet: ONNX file of YuNet, to learn frontality from.
        teachers: Finished runs or model folders to learn from.
        start: Finished run or model folder whose weights this one begins with.

    Raises:
        MoodcueError: The data is missing, a teacher too, or the folder holds another run.
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True
    faces = load_fer2013(data)
    trainer = Trainer(
        faces,
        folder=folder,
        config=TrainingConfig(**changes),
        device=device,
        yunet=yunet,
        teachers=[network_in(teacher) for teacher in teachers],
        start=starting_network(start, faces.crops[faces.usage == "Training"]) if start else None,
    )
    yield from trainer.run()


def load_network(run: Path) -> tuple[FaceNetwork, int]:
    """Return the best network of a run, ready to answer, and the epoch that it is of.

    Raises:
        TrainingError: The folder holds no run or no weights.
    """
    config = read_training_config(run)
    if not (run / BEST).is_file():
        raise TrainingError(f"{run} has no {BEST}: train first")
    state = load_state(run / BEST)
    network = FaceNetwork(config.shape)
    network.load_state_dict(state["network"])
    return network.eval(), int(state["epoch"])


def starting_network(folder: Path, crops: npt.NDArray[np.uint8]) -> FaceNetwork:
    """Return the network of a finished run or of a model folder, to train on.

    Args:
        folder: Of the run or the model.
        crops: Faces to be trained on, uint8, shape (faces, 48, 48).

    Raises:
        MoodcueError: The folder holds neither, or is damaged.
    """
    network = network_in(folder)
    if (folder / MANIFEST).is_file():
        renormalise(network, torch.from_numpy(preprocess(crops[:STATISTICS_FACES])))
    return network


def network_in(folder: Path) -> FaceNetwork:
    """Return the network of a finished run or of a model folder, ready to answer.

    Raises:
        MoodcueError: The folder holds neither, or is damaged.
    """
    if (folder / MANIFEST).is_file():
        return network_of_model(folder)
    return load_network(folder)[0]


@torch.no_grad()
def probabilities_of(network: FaceNetwork, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the probabilities of a network in torch, shape (faces, 7)."""
    rows = [
        functional.softmax(network(batch).labels, dim=1)
        for batch in torch.split(torch.from_numpy(preprocess(crops)), MEASURE_BATCH)
    ]
    return np.asarray(torch.cat(rows).numpy(), dtype=np.float32)
