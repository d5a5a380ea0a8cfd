"""What was learned from 200,000 songs: two networks that tag music, without their last layers.

The networks are those of Pons and Serra, "musicnn: pre-trained convolutional neural networks for
music audio tagging" (2019): one of wide and long filters that hear timbre and rhythm, one of
small filters in the manner of VGG, both trained on the tags of the Million Song Dataset. They
are built here anew and take their weights from the checkpoints in the package `musicnn` (ISC).
"""

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from moodcue_mer_indexer.mel import MelSettings
from moodcue_mer_indexer.training.tensor_bundle import CheckpointError, read_tensors

TAGGER_MEL: Final = MelSettings(
    sample_rate=16_000,
    n_fft=512,
    hop_length=256,
    n_mels=96,
    fmin=0.0,
    fmax=8_000.0,
    patch_frames=187,
)
"""What the taggers were trained on: 3 s at 16 ms a frame."""

Tensors = Mapping[str, NDArray[np.float32]]

_EPSILON: Final = 1e-3  # of batch normalisation, TensorFlow's default
_WIDE: Final = ((7, 38), (7, 67))  # frames x bands of the filters for timbre
_LONG: Final = (128, 64, 32)  # frames of the filters for rhythm
_WIDE_CHANNELS, _LONG_CHANNELS, _DENSE_CHANNELS, _SMALL_CHANNELS = 204, 51, 64, 128
_FRONT: Final = _WIDE_CHANNELS * len(_WIDE) + _LONG_CHANNELS * len(_LONG)
_SMALL_POOLS: Final = (
    ((4, 1), (2, 2)),
    ((2, 2), (2, 2)),
    ((2, 2), (2, 2)),
    ((2, 2), (2, 2)),
    ((4, 4), (4, 4)),
)

FEATURES: Final = 2 * (_FRONT + 3 * _DENSE_CHANNELS) + 4 * _SMALL_CHANNELS
"""Figures per patch that the backbone gives."""


class Backbone(nn.Module):
    """Patches in dB to the figures that both taggers decide by."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = _MusicalFilters()
        self.small = _SmallFilters()

    def forward(self, patches: Tensor) -> Tensor:
        """Return ``(batch, FEATURES)`` of patches ``(batch, n_mels, patch_frames)`` in dB."""
        # 10 log10(p) becomes log10(10000 p + 1).
        power = torch.exp(patches * (math.log(10) / 10))
        compressed = torch.log(10_000 * power + 1) / math.log(10)
        frames_first = compressed.transpose(1, 2).unsqueeze(1)
        return torch.cat([self.filters(frames_first), self.small(frames_first)], dim=1)


class _Pooled(nn.Module):
    """A convolution, rectified, normalised, and then pooled by the maximum, in a cheaper order.

    The maximum over a falling function is the function of the minimum. So where the scale of the
    normalisation is negative, the filter is turned round, and everything but the convolution can
    follow the pooling, on a fraction of the figures. The outcome is the same.

    Args:
        channels: In and out.
        kernel: Of the convolution, frames x bands.
        padding: Of the convolution, before and after, frames and bands.
        pool: Size and stride of the pooling; None: the maximum over all bands.
    """

    sign: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        kernel: tuple[int, int],
        padding: tuple[int, int, int, int],
        pool: tuple[tuple[int, int], tuple[int, int]] | None,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(*channels, kernel)
        self.padding = padding
        self.pool = pool
        for name in ("sign", "scale", "shift"):
            self.register_buffer(name, torch.zeros(channels[1], 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        answers = self.convolution(functional.pad(features, self.padding))
        size, stride = self.pool or ((1, answers.shape[3]), (1, 1))
        pooled = functional.max_pool2d(answers, size, stride)
        normed: Tensor = torch.relu(pooled * self.sign) * self.scale + self.shift
        return normed

    def fill(self, tensors: Tensors, *, name: str, norm: str) -> None:
        """Take the weights of a convolution and of the normalisation after it."""
        scale, shift = _affine(tensors, name=norm)
        sign = torch.where(scale < 0, -1.0, 1.0)
        kernel = torch.from_numpy(tensors[f"{name}/kernel"]).permute(3, 2, 0, 1)
        bias = torch.from_numpy(tensors[f"{name}/bias"])
        self.convolution.load_state_dict(
            {"weight": kernel * sign.view(-1, 1, 1, 1), "bias": bias * sign}
        )
        for buffer, values in ((self.sign, sign), (self.scale, scale), (self.shift, shift)):
            buffer.copy_(values.view(-1, 1, 1))


class _Dense(nn.Module):
    """A convolution over time, rectified and normalised."""

    scale: Tensor
    shift: Tensor

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, _DENSE_CHANNELS, 7, padding=3)
        for name in ("scale", "shift"):
            self.register_buffer(name, torch.zeros(_DENSE_CHANNELS, 1))

    def forward(self, course: Tensor) -> Tensor:
        normed: Tensor = torch.relu(self.convolution(course)) * self.scale + self.shift
        return normed

    def fill(self, tensors: Tensors, *, name: str, norm: str) -> None:
        """Take the weights of a convolution and of the normalisation after it."""
        kernel = torch.from_numpy(tensors[f"{name}/kernel"])
        bias = torch.from_numpy(tensors[f"{name}/bias"])
        weight = kernel.squeeze(2).permute(2, 1, 0)
        self.convolution.load_state_dict({"weight": weight, "bias": bias})
        scale, shift = _affine(tensors, name=norm)
        self.scale.copy_(scale.view(-1, 1))
        self.shift.copy_(shift.view(-1, 1))


class _MusicalFilters(nn.Module):
    """Wide and long filters, three dense layers, maximum and mean over time."""

    input_scale: Tensor
    input_shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("input_scale", torch.zeros(1))
        self.register_buffer("input_shift", torch.zeros(1))
        wide = [
            _Pooled((1, _WIDE_CHANNELS), kernel=size, padding=(0, 0, 3, 3), pool=None)
            for size in _WIDE
        ]
        long = [
            _Pooled(
                (1, _LONG_CHANNELS),
                kernel=(size, 1),
                padding=(0, 0, (size - 1) // 2, size // 2),
                pool=None,
            )
            for size in _LONG
        ]
        self.front = nn.ModuleList([*wide, *long])
        inputs = (_FRONT, _DENSE_CHANNELS, _DENSE_CHANNELS)
        self.dense = nn.ModuleList(_Dense(channels) for channels in inputs)

    def forward(self, frames_first: Tensor) -> Tensor:
        patches = frames_first * self.input_scale + self.input_shift
        layers = [torch.cat([layer(patches) for layer in self.front], dim=1).squeeze(3)]
        for layer in self.dense:
            answer = layer(layers[-1])
            layers.append(answer if len(layers) == 1 else answer + layers[-1])
        course = torch.cat(layers, dim=1)
        return torch.cat([course.amax(dim=2), course.mean(dim=2)], dim=1)

    def fill(self, tensors: Tensors) -> None:
        """Take the weights of `MSD_musicnn`."""
        _fill_input(self, tensors)
        for place, layer in enumerate([*self.front, *self.dense]):
            layer.fill(
                tensors,
                name=_numbered("conv2d", place),
                norm=_numbered("batch_normalization", place + 1),
            )


class _SmallFilters(nn.Module):
    """Five layers of 3x3 filters; the last one as it is, the fourth by mean and maximum."""

    input_scale: Tensor
    input_shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("input_scale", torch.zeros(1))
        self.register_buffer("input_shift", torch.zeros(1))
        inputs = (1, *(_SMALL_CHANNELS for _ in _SMALL_POOLS[1:]))
        self.layers = nn.ModuleList(
            _Pooled((channels, _SMALL_CHANNELS), kernel=(3, 3), padding=(1, 1, 1, 1), pool=pool)
            for channels, pool in zip(inputs, _SMALL_POOLS, strict=True)
        )

    def forward(self, frames_first: Tensor) -> Tensor:
        answers = [frames_first * self.input_scale + self.input_shift]
        for layer in self.layers:
            answers.append(layer(answers[-1]))
        fourth, fifth = answers[-2:]
        last = fifth.permute(0, 2, 3, 1).flatten(1)
        return torch.cat([last, fourth.mean(dim=(2, 3)), fourth.amax(dim=(2, 3))], dim=1)

    def fill(self, tensors: Tensors) -> None:
        """Take the weights of `MSD_vgg`."""
        _fill_input(self, tensors)
        for place, layer in enumerate(self.layers, start=1):
            layer.fill(tensors, name=f"{place}CNN", norm=_numbered("batch_normalization", place))  # type: ignore[operator]  # modules in a list lose their type


def find_taggers() -> Path:
    """Return the folder of the installed package `musicnn`, of which only the weights are used.

    Raises:
        CheckpointError: It is not installed.
    """
    package = find_spec("musicnn")
    if package is None or package.origin is None:
        raise CheckpointError(
            "the taggers' weights are not there; install them without what the package would "
            "bring along: pip install --no-deps musicnn==0.1.0, or give --taggers FOLDER"
        )
    return Path(package.origin).parent


def load_backbone(folder: Path) -> Backbone:
    """Return the backbone with the weights of the package `musicnn`, ready to answer.

    Args:
        folder: The unpacked package's folder `musicnn`, with `MSD_musicnn` and `MSD_vgg`.

    Raises:
        CheckpointError: A checkpoint is missing or another one.
    """
    backbone = Backbone()
    try:
        backbone.filters.fill(read_tensors(folder / "MSD_musicnn"))
        backbone.small.fill(read_tensors(folder / "MSD_vgg"))
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder} has other networks than expected ({error}); give those of musicnn 0.1.0"
        ) from error
    return backbone.eval().requires_grad_(requires_grad=False)


def _numbered(name: str, place: int) -> str:
    """Return the name that TensorFlow gives to the layer of a kind at a place."""
    return name if place == 0 else f"{name}_{place}"


def _affine(tensors: Tensors, *, name: str) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a batch normalisation that has been trained."""
    mean, variance = tensors[f"{name}/moving_mean"], tensors[f"{name}/moving_variance"]
    scale = tensors[f"{name}/gamma"] / np.sqrt(variance + _EPSILON)
    return torch.from_numpy(scale), torch.from_numpy(tensors[f"{name}/beta"] - mean * scale)


def _fill_input(network: _MusicalFilters | _SmallFilters, tensors: Tensors) -> None:
    scale, shift = _affine(tensors, name="batch_normalization")
    network.input_scale.copy_(scale)
    network.input_shift.copy_(shift)
