"""Small networks on top of the backbone, which decide the quadrant; several of them vote."""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from moodcue.taxonomy import QUADRANTS

_WARM_UP_SHARE = 0.2


class HeadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the weights of the heads, given the songs.

    Attributes:
        heads: How many are trained, from other seeds; the mean of their logits counts.
        hidden: Figures between the backbone's and the quadrants.
        epochs: Passes over the songs.
        batch_size: Songs per step.
        patches: Random patches per song and step; their mean is what a head sees.
        learning_rate: Peak of the one-cycle schedule of AdamW.
        weight_decay: Of AdamW.
        input_dropout: Share of the backbone's figures dropped.
        dropout: Share of the hidden figures dropped.
        label_smoothing: Share of the target spread evenly over the quadrants.
        mixup_alpha: Parameter of the Beta distribution of mixup; 0 mixes nothing.
        seed: Of the weights, the order and every random change.
    """

    heads: int = 3
    hidden: int = 256
    epochs: int = 25
    batch_size: int = 64
    patches: int = 3
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    input_dropout: float = 0.2
    dropout: float = 0.5
    label_smoothing: float = 0.05
    mixup_alpha: float = 0.15
    seed: int = 0


class Heads(nn.Module):
    """The backbone's figures to logits of the quadrants, over a temperature.

    Args:
        figures: Per patch.
        settings: Sizes and number.
    """

    temperature: Tensor

    def __init__(self, *, figures: int, settings: HeadSettings) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            _head(figures=figures, settings=settings) for _ in range(settings.heads)
        )
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, figures: Tensor) -> Tensor:
        """Return logits ``(batch, 4)`` for ``(batch, figures)``."""
        return torch.stack([head(figures) for head in self.heads]).mean(dim=0) / self.temperature

    def calibrate(self, temperature: float) -> None:
        """Divide the logits by a temperature from now on."""
        self.temperature.fill_(temperature)


def fit_heads(
    songs: Sequence[NDArray[np.float16]], *, targets: NDArray[np.float32], settings: HeadSettings
) -> Heads:
    """Train the heads, some seconds each; the same arguments give the same weights.

    Args:
        songs: The backbone's figures, one array ``(patches, figures)`` per song.
        targets: Probabilities of the quadrants, shape ``(songs, 4)``.
        settings: Hyperparameters.

    Returns:
        The heads in evaluation mode, not yet calibrated.
    """
    torch.manual_seed(settings.seed)
    heads = Heads(figures=songs[0].shape[1], settings=settings)
    for number, head in enumerate(heads.heads):
        _fit_head(head, songs=songs, targets=targets, settings=settings, number=number)
    return heads.eval()


@torch.no_grad()
def song_logits(heads: Heads, songs: Sequence[NDArray[np.float16]]) -> NDArray[np.float64]:
    """Return the mean logits over the patches of each song, shape ``(songs, 4)``."""
    rows = [heads(torch.from_numpy(song.astype(np.float32))).mean(dim=0) for song in songs]
    return np.asarray(torch.stack(rows).numpy(), dtype=np.float64)


def fit_temperature(logits: NDArray[np.float64], targets: NDArray[np.float32]) -> float:
    """Return the temperature that makes the targets most likely (Guo et al., 2017).

    Args:
        logits: Of songs that were not trained on, shape ``(songs, 4)``.
        targets: Probabilities of the quadrants, shape ``(songs, 4)``.

    Returns:
        Between 0.1 and 10, to a thousandth of its logarithm.
    """
    rows, wanted = torch.from_numpy(logits), torch.from_numpy(targets)
    candidates = np.exp(np.linspace(np.log(0.1), np.log(10), 4606))
    losses = [float(functional.cross_entropy(rows / t, wanted)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _head(*, figures: int, settings: HeadSettings) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm1d(figures),
        nn.Dropout(settings.input_dropout),
        nn.Linear(figures, settings.hidden),
        nn.BatchNorm1d(settings.hidden),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, len(QUADRANTS)),
    )


def _fit_head(
    head: nn.Module,
    *,
    songs: Sequence[NDArray[np.float16]],
    targets: NDArray[np.float32],
    settings: HeadSettings,
    number: int,
) -> None:
    generator = np.random.default_rng((settings.seed, number))
    torch.manual_seed(settings.seed * 1_000 + number)  # dropout draws from the global generator
    size = min(settings.batch_size, len(songs))
    steps = len(songs) // size
    optimiser = torch.optim.AdamW(
        head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        settings.learning_rate,
        total_steps=steps * settings.epochs,
        pct_start=_WARM_UP_SHARE,
    )
    smooth = settings.label_smoothing
    softened = (targets * (1 - smooth) + smooth / len(QUADRANTS)).astype(np.float32)
    head.train()
    for _ in range(settings.epochs):
        order = generator.permutation(len(songs))[: steps * size].reshape(steps, size)
        for chosen in order.tolist():
            figures = _draw(songs, chosen, patches=settings.patches, generator=generator)
            wanted = torch.from_numpy(softened[chosen])
            if settings.mixup_alpha > 0:
                share = float(generator.beta(settings.mixup_alpha, settings.mixup_alpha))
                figures = share * figures + (1 - share) * figures.flip(0)
                wanted = share * wanted + (1 - share) * wanted.flip(0)
            loss = functional.cross_entropy(head(figures), wanted)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch ships no type for it
            optimiser.step()
            schedule.step()


def _draw(
    songs: Sequence[NDArray[np.float16]],
    chosen: Sequence[int],
    *,
    patches: int,
    generator: np.random.Generator,
) -> Tensor:
    """Return the mean figures of some random patches of each song chosen."""
    rows = []
    for place in chosen:
        song = songs[place]
        some = generator.permutation(len(song))[:patches]
        rows.append(song[some].astype(np.float32).mean(axis=0))
    return torch.from_numpy(np.stack(rows))
