"""Networks from a patch of a spectrogram to the four quadrants, each known by a name.

Three kinds that the literature on music emotion compares stand beside the one of `network`: plain
convolutions, convolutions whose course a recurrent layer follows, and residual convolutions
pooled by attention. Each takes a spectrogram of any number of bands, mel or linear.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from moodcue_mer_indexer.training.network import MerNetwork, convolution

Architecture = Literal["statistics", "cnn", "cnn-lstm", "residual"]

_WIDTHS = (24, 48, 96, 128)
_RESIDUAL_WIDTHS = (32, 64, 96, 128)
_HIDDEN = 96


class ConvolutionalNetwork(nn.Module):
    """Four convolutions with max pooling, the mean of their features, two dense layers.

    Args:
        n_mels: Bands of the input, at least 16.
        classes: Number of logits.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, *, n_mels: int, classes: int = 4, dropout: float = 0.4) -> None:
        super().__init__()
        self.band_norm = nn.BatchNorm1d(n_mels)
        self.convolutions = _plain_convolutions()
        self.head = nn.Sequential(
            nn.Linear(_WIDTHS[-1], _HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(_HIDDEN, classes),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Return logits ``(batch, classes)`` of patches ``(batch, n_mels, frames)`` in dB."""
        features = self.convolutions(_as_image(self.band_norm(patches)))
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


class RecurrentNetwork(nn.Module):
    """The convolutions of `ConvolutionalNetwork`, then a layer of LSTM over their frames.

    Bands keep their place: the LSTM sees the features of all of them at each step of 16 frames.

    Args:
        n_mels: Bands of the input, at least 16.
        classes: Number of logits.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, *, n_mels: int, classes: int = 4, dropout: float = 0.4) -> None:
        super().__init__()
        self.band_norm = nn.BatchNorm1d(n_mels)
        self.convolutions = _plain_convolutions()
        self.step = nn.Linear(_WIDTHS[-1] * _bands_left(n_mels), _HIDDEN)
        self.lstm = nn.LSTM(_HIDDEN, _HIDDEN, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(_HIDDEN, classes))

    def forward(self, patches: Tensor) -> Tensor:
        """Return logits ``(batch, classes)`` of patches ``(batch, n_mels, frames)`` in dB."""
        features = self.convolutions(_as_image(self.band_norm(patches)))
        steps = self.step(features.flatten(1, 2).transpose(1, 2))
        course, _ = self.lstm(functional.relu(steps))
        logits: Tensor = self.head(course.mean(dim=1))
        return logits


class ResidualNetwork(nn.Module):
    """Residual blocks, each at half the resolution of the one before, pooled by attention.

    Args:
        n_mels: Bands of the input.
        classes: Number of logits.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, *, n_mels: int, classes: int = 4, dropout: float = 0.4) -> None:
        super().__init__()
        self.band_norm = nn.BatchNorm1d(n_mels)
        stem = convolution(1, _RESIDUAL_WIDTHS[0], kernel_size=5, stride=(2, 2))
        blocks = [_ResidualBlock(narrow, wide) for narrow, wide in pairwise(_RESIDUAL_WIDTHS)]
        self.blocks = _channels_last(nn.Sequential(*stem, *blocks))
        self.attention = nn.Conv1d(_RESIDUAL_WIDTHS[-1], 1, kernel_size=1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(_RESIDUAL_WIDTHS[-1], classes))

    def forward(self, patches: Tensor) -> Tensor:
        """Return logits ``(batch, classes)`` of patches ``(batch, n_mels, frames)`` in dB."""
        features = self.blocks(_as_image(self.band_norm(patches))).mean(dim=2)
        weights = torch.softmax(self.attention(features), dim=2)
        logits: Tensor = self.head((features * weights).sum(dim=2))
        return logits


class _ResidualBlock(nn.Module):
    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *convolution(narrow, wide, kernel_size=3, stride=(2, 2)),
            nn.Conv2d(wide, wide, 3, padding=1, bias=False),
            nn.BatchNorm2d(wide),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(narrow, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
        )

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.path(features) + self.shortcut(features))


ARCHITECTURES: Final[Mapping[Architecture, Callable[..., nn.Module]]] = {
    "statistics": MerNetwork,
    "cnn": ConvolutionalNetwork,
    "cnn-lstm": RecurrentNetwork,
    "residual": ResidualNetwork,
}
"""By name. Each is called with ``n_mels``, ``classes`` and ``dropout``."""


def build_network(architecture: Architecture, *, n_mels: int, dropout: float) -> nn.Module:
    """Return a network with random weights.

    Args:
        architecture: Its name.
        n_mels: Bands of the spectrogram.
        dropout: Share of features dropped before the last layer.
    """
    return ARCHITECTURES[architecture](n_mels=n_mels, dropout=dropout)


def parameters_of(network: nn.Module) -> int:
    """Return the number of weights that training decides."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def _plain_convolutions() -> nn.Sequential:
    """Return four convolutions that give a 16th of the bands and of the frames."""
    layers: list[nn.Module] = [
        *convolution(1, _WIDTHS[0], kernel_size=5, stride=(2, 2)),
        nn.MaxPool2d((1, 2)),
    ]
    for number, (narrow, wide) in enumerate(pairwise(_WIDTHS)):
        pool = (2, 2) if number < 2 else (2, 1)  # noqa: PLR2004 - four halvings of the frames
        layers += [*convolution(narrow, wide, kernel_size=3), nn.MaxPool2d(pool)]
    return _channels_last(nn.Sequential(*layers))


def _bands_left(n_mels: int) -> int:
    """Return the bands that `_plain_convolutions` leaves: the stride rounds up, pools down."""
    return -(-n_mels // 2) // 8


def _as_image(patches: Tensor) -> Tensor:
    return patches.unsqueeze(1).contiguous(memory_format=torch.channels_last)


def _channels_last(layers: nn.Sequential) -> nn.Sequential:
    """Return the layers in the order of memory that is twice as fast on a CPU."""
    return layers.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]
