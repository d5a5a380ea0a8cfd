"""The network: a small residual CNN for 48x48 grey faces, with a head per question."""

from dataclasses import dataclass
from typing import Final, TypeVar

import torch
from torch import nn

from moodcue.taxonomy import EMOTIONS

VOTES = len(EMOTIONS) + 3
"""What the crowd of FER+ could vote for: the seven, contempt, unknown, not a face."""

VECTOR: Final = 8
"""Channels between a column and a row come in multiples of it, as processors compute them."""

_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """How large the network is.

    Attributes:
        stem: Channels of the first convolution, at full size.
        widths: Channels at half, a quarter and an eighth of the size.
        blocks: Residual blocks at each of these sizes.
        rank: Channels between the column and the row of which a 3x3 convolution is made, in those
            that come out of it, 0..1: see `SeparableConvolution`; None: convolutions are whole.
    """

    stem: int = 24
    widths: tuple[int, int, int] = (64, 128, 256)
    blocks: tuple[int, int, int] = (1, 1, 1)
    rank: float | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the network says of a batch of faces, before any softmax or sigmoid.

    Attributes:
        labels: Logits of FER2013's labels, shape (faces, 7).
        votes: Logits of the crowd's votes, shape (faces, 10): the seven, contempt, unknown, not
            a face.
        frontality: Logit of looking at the camera, shape (faces,).
    """

    labels: torch.Tensor
    votes: torch.Tensor
    frontality: torch.Tensor


class SeparableConvolution(nn.Sequential):
    """A 3x3 convolution of low rank: columns, then rows (Jaderberg et al., 2014).

    With r channels between, n inputs and m outputs it multiplies 3 r (n + m) times per place
    instead of 9 n m.

    Args:
        inputs: Channels that come in.
        outputs: Channels that come out.
        rank: Channels between, in `outputs`, 0..1.
    """

    def __init__(self, inputs: int, outputs: int, *, rank: float) -> None:
        between = max(VECTOR, VECTOR * round(rank * outputs / VECTOR))
        super().__init__(
            nn.Conv2d(inputs, between, (3, 1), padding=(1, 0), bias=False),
            nn.Conv2d(between, outputs, (1, 3), padding=(0, 1), bias=False),
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, same size in and out (He et al., 2016).

    Args:
        channels: That come in and out.
        rank: As in `NetworkShape`.
    """

    def __init__(self, channels: int, *, rank: float | None = None) -> None:
        super().__init__()
        self.first = convolution(channels, channels, rank=rank)
        self.second = nn.Sequential(
            _three_by_three(channels, channels, rank=rank), nn.BatchNorm2d(channels)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape (faces, channels, height, width)."""
        return torch.relu(self.second(self.first(features)) + features)


class FaceNetwork(nn.Module):
    """Crops to answers, with global average pooling, so that any input from 32x32 up fits.

    Args:
        shape: How large it is.
        dropout: Share of pooled features dropped in training.

    Attributes:
        shape: How large it is.
    """

    def __init__(self, shape: NetworkShape | None = None, *, dropout: float = 0.3) -> None:
        super().__init__()
        self.shape = shape = shape or NetworkShape()
        layers: list[nn.Module] = [convolution(1, shape.stem)]
        channels = shape.stem
        for width, blocks in zip(shape.widths, shape.blocks, strict=True):
            layers += [
                nn.MaxPool2d(2, ceil_mode=True),
                convolution(channels, width, rank=shape.rank),
            ]
            layers += [ResidualBlock(width, rank=shape.rank) for _ in range(blocks)]
            channels = width
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(dropout)
        self.labels = nn.Linear(channels, len(EMOTIONS))
        self.votes = nn.Linear(channels, VOTES)
        self.frontality = nn.Linear(channels, 1)

    def forward(self, crops: torch.Tensor) -> Answers:
        """Answer for preprocessed crops, shape (faces, 1, height, width)."""
        pooled = self.dropout(self.features(crops))
        return Answers(
            labels=self.labels(pooled),
            votes=self.votes(pooled),
            frontality=self.frontality(pooled).squeeze(1),
        )


def convolution(inputs: int, outputs: int, *, rank: float | None = None) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and ReLU; rank as in `NetworkShape`."""
    return nn.Sequential(
        _three_by_three(inputs, outputs, rank=rank),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def channels_last(network: _Network) -> _Network:
    """Return a network whose memory is laid out so that its convolutions are fast."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch has it


def _three_by_three(inputs: int, outputs: int, *, rank: float | None) -> nn.Module:
    if rank is None:
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return SeparableConvolution(inputs, outputs, rank=rank)
