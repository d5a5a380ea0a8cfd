"""The network: convolutions over a log-mel patch beside statistics of its bands."""

from itertools import pairwise

import torch
from torch import Tensor, nn

_WIDTHS = (24, 48, 96, 128)


class MerNetwork(nn.Module):
    """Log-mel patches to logits of the four quadrants.

    A convolutional branch sees texture and rhythm and is pooled by attention over time and by
    the maximum. A second branch sees the mean, the deviation and the mean absolute change of
    every band: with 800 songs these coarse figures generalise well, and the convolutions need
    not learn them.

    Args:
        n_mels: Mel bands of the input.
        classes: Number of logits.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, *, n_mels: int, classes: int = 4, dropout: float = 0.4) -> None:
        super().__init__()
        self.band_norm = nn.BatchNorm1d(n_mels)
        layers: list[nn.Module] = [*convolution(1, _WIDTHS[0], kernel_size=5, stride=(1, 2))]
        pool = (4, 2)
        for narrow, wide in pairwise(_WIDTHS):
            layers += [nn.MaxPool2d(pool), *convolution(narrow, wide, kernel_size=3)]
            pool = (2, 2)
        # Twice as fast on a CPU as the default order.
        self.convolutions = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        channels = _WIDTHS[-1]
        self.attention = nn.Conv1d(channels, 1, kernel_size=1)
        self.statistics = nn.Sequential(
            nn.Linear(3 * n_mels, 64), nn.BatchNorm1d(64), nn.ReLU(inplace=True)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * channels + 64, classes))

    def forward(self, patches: Tensor) -> Tensor:
        """Return logits ``(batch, classes)`` of patches ``(batch, n_mels, frames)`` in dB."""
        normalised = self.band_norm(patches)
        features = self.convolutions(normalised.unsqueeze(1)).mean(dim=2)
        weights = torch.softmax(self.attention(features), dim=2)
        attended = (features * weights).sum(dim=2)
        changes = (normalised[:, :, 1:] - normalised[:, :, :-1]).abs().mean(dim=2)
        centred = normalised - normalised.mean(dim=2, keepdim=True)
        deviation = (centred.square().mean(dim=2) + 1e-5).sqrt()
        statistics = self.statistics(torch.cat([normalised.mean(dim=2), deviation, changes], dim=1))
        joined = torch.cat([attended, features.amax(dim=2), statistics], dim=1)
        logits: Tensor = self.head(joined)
        return logits


def convolution(
    narrow: int, wide: int, *, kernel_size: int, stride: tuple[int, int] = (1, 1)
) -> tuple[nn.Module, ...]:
    """Return a convolution that keeps the size but for its stride, normalised and rectified."""
    return (
        nn.Conv2d(narrow, wide, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(inplace=True),
    )
