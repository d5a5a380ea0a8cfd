"""Fit one network: deterministic for a seed, and resumable after any epoch."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from moodcue_mer_indexer.mel import cut_patches
from moodcue_mer_indexer.training.architectures import Architecture, build_network
from moodcue_mer_indexer.training.augment import Augmentation, augment, crop, mix
from moodcue_mer_indexer.training.files import replacing
from moodcue_mer_indexer.training.precision import mixed_precision

_WARM_UP_SHARE = 0.2
_FINAL_RATE_SHARE = 0.01


class FitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the weights, given the songs.

    Attributes:
        architecture: Name of the network.
        precision: Of the convolutions; ``bfloat16`` takes about half of the time on processors
            that know it, and is not taken on others, which only imitate it. Weights and losses
            are float32 in either case.
        epochs: Passes over the songs, one random patch of each.
        batch_size: Patches per step.
        learning_rate: Peak of the schedule (linear warm-up, then cosine).
        weight_decay: Of AdamW.
        label_smoothing: Share of the target spread evenly over the quadrants.
        dropout: Before the last layer.
        patch_frames: Frames per patch.
        seed: Of the weights, the order and every random change.
        augmentation: Random changes of the patches.
    """

    architecture: Architecture = "statistics"
    precision: Literal["float32", "bfloat16"] = "float32"
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    dropout: float = 0.4
    patch_frames: int = 256
    seed: int = 0
    augmentation: Augmentation = Augmentation()


def fit(
    spectrograms: Sequence[NDArray[np.float16]],
    *,
    targets: NDArray[np.float32],
    settings: FitSettings,
    checkpoint: Path,
    device: torch.device,
    report: Callable[[int, float], None],
) -> nn.Module:
    """Train a network on the songs for a fixed number of epochs.

    Every epoch draws from its own seed, so a run that was interrupted and resumed gives the
    weights of one that was not.

    Args:
        spectrograms: One per song, ``(n_mels, frames)`` in dB.
        targets: Probabilities of the quadrants of every song, shape ``(songs, 4)``.
        settings: Hyperparameters.
        checkpoint: File to resume from if it is there, and to save to after every epoch.
        device: Where to compute.
        report: Called with the epoch (from 1) and its mean loss.

    Returns:
        The network in evaluation mode.
    """
    torch.manual_seed(settings.seed)
    network = build_network(
        settings.architecture, n_mels=spectrograms[0].shape[0], dropout=settings.dropout
    ).to(device)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    first = _restore(checkpoint, network=network, optimiser=optimiser, device=device)
    for epoch in range(first, settings.epochs):
        torch.manual_seed(settings.seed * 100_003 + epoch)
        loss = _train_epoch(
            network,
            optimiser,
            _batches(spectrograms, targets=targets, settings=settings, epoch=epoch),
            epoch=epoch,
            settings=settings,
        )
        _save(checkpoint, network=network, optimiser=optimiser, epochs_done=epoch + 1)
        report(epoch + 1, loss)
    return network.eval()


def predict_songs(
    network: nn.Module,
    spectrograms: Sequence[NDArray[np.float16]],
    *,
    patch_frames: int,
    device: torch.device,
) -> NDArray[np.float64]:
    """Return the mean quadrant probabilities over each song's patches, shape ``(songs, 4)``."""
    network.eval()
    rows = []
    with torch.no_grad():
        for spectrogram in spectrograms:
            patches = np.stack(
                list(cut_patches([spectrogram.astype(np.float32)], frames=patch_frames))
            )
            logits = network(torch.from_numpy(patches).to(device))
            rows.append(torch.softmax(logits, dim=1).mean(dim=0).cpu().numpy())
    return np.asarray(rows, dtype=np.float64)


def _batches(
    spectrograms: Sequence[NDArray[np.float16]],
    *,
    targets: NDArray[np.float32],
    settings: FitSettings,
    epoch: int,
) -> Iterator[tuple[float, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield the share of the epoch done, patches and soft targets of every batch."""
    generator = np.random.default_rng((settings.seed, epoch))
    order = generator.permutation(len(spectrograms))
    size = min(settings.batch_size, len(order))
    steps = len(order) // size
    smoothed = targets * np.float32(1 - settings.label_smoothing)
    smoothed += np.float32(settings.label_smoothing / targets.shape[1])
    for step in range(steps):
        chosen = order[step * size : (step + 1) * size]
        patches = np.stack(
            [
                augment(
                    crop(spectrograms[i], frames=settings.patch_frames, generator=generator),
                    settings=settings.augmentation,
                    generator=generator,
                )
                for i in chosen
            ]
        )
        mixed, mixed_targets = mix(
            patches,
            smoothed[chosen],
            alpha=settings.augmentation.mixup_alpha,
            generator=generator,
        )
        yield step / steps, mixed, mixed_targets


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Iterator[tuple[float, NDArray[np.float32], NDArray[np.float32]]],
    *,
    epoch: int,
    settings: FitSettings,
) -> float:
    network.train()
    device = next(network.parameters()).device
    losses = []
    for share, patches, targets in batches:
        rate = settings.learning_rate * _schedule((epoch + share) / settings.epochs)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with mixed_precision(device, wanted=settings.precision == "bfloat16"):
            logits = network(torch.from_numpy(patches).to(device))
        loss = functional.cross_entropy(logits.float(), torch.from_numpy(targets).to(device))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships no type for it
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def _schedule(progress: float) -> float:
    """Return the share of the peak learning rate after a share of the training."""
    if progress < _WARM_UP_SHARE:
        return max(progress / _WARM_UP_SHARE, _FINAL_RATE_SHARE)
    cosine = (1 + math.cos(math.pi * (progress - _WARM_UP_SHARE) / (1 - _WARM_UP_SHARE))) / 2
    return _FINAL_RATE_SHARE + (1 - _FINAL_RATE_SHARE) * cosine


def _restore(
    checkpoint: Path,
    *,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    device: torch.device,
) -> int:
    if not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epochs_done"])


def _save(
    checkpoint: Path,
    *,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    epochs_done: int,
) -> None:
    state = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "epochs_done": epochs_done,
    }
    with replacing(checkpoint) as temporary:
        torch.save(state, temporary)
