"""The network: a small residual CNN for 48x48 grey faces."""

from typing import cast

import torch
from torch import nn

from moodcue.taxonomy import EMOTIONS


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, same size in and out (He et al., 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape (faces, channels, height, width)."""
        return torch.relu(self.second(self.first(features)) + features)


class FaceNetwork(nn.Module):
    """Crops to logits, with global average pooling, so that any input from 32x32 up fits.

    Args:
        dropout: Share of pooled features dropped in training.
    """

    def __init__(self, *, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 32),
            nn.MaxPool2d(2),
            convolution(32, 64),
            nn.MaxPool2d(2),
            ResidualBlock(64),
            convolution(64, 128),
            nn.MaxPool2d(2, ceil_mode=True),
            ResidualBlock(128),
            convolution(128, 256, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(256, len(EMOTIONS)))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (faces, 7), of preprocessed crops (faces, 1, height, width)."""
        return cast("torch.Tensor", self.head(self.features(crops)))


def convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
