"""Random changes of face crops in training: what a camera, a detector and a room may do."""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import torch
from torch.nn import functional

from moodcue_fer.preprocessing import DEVIATION_FLOOR

WHITE: Final = 255.0


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Ranges of the changes; each is drawn anew for every crop.

    Attributes:
        window: Side in pixels of what is cut out at a random place.
        rotation_degrees: Largest rotation to either side.
        scale: Largest relative change of size to either side.
        gamma: Largest change of the logarithm of gamma to either side.
        exposure: Largest logarithm of the factor of all grey levels, which clips the bright ones.
        side_light: Largest relative change of brightness from the middle to a side.
        coarse_share: Share of the crops that are reduced and enlarged again, as small or blurred
            faces are.
        coarse_pixels: Smallest side in pixels that they are reduced to.
        noise: Largest deviation of added noise, in grey levels.
        cutout: Largest side in pixels of a grey square put over the crop, 0 for none.
    """

    window: int = 44
    rotation_degrees: float = 15.0
    scale: float = 0.15
    gamma: float = 0.4
    exposure: float = 0.5
    side_light: float = 0.4
    coarse_share: float = 0.2
    coarse_pixels: int = 14
    noise: float = 6.0
    cutout: int = 16

    def times(self, factor: float) -> "Augmentation":
        """Return every range times a factor; the window, and with it the shift, stays as it is."""
        return replace(
            self,
            rotation_degrees=self.rotation_degrees * factor,
            scale=self.scale * factor,
            gamma=self.gamma * factor,
            exposure=self.exposure * factor,
            side_light=self.side_light * factor,
            coarse_share=self.coarse_share * factor,
            noise=self.noise * factor,
            cutout=int(self.cutout * factor),
        )


def augment(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Change grey crops at random and standardise them as `preprocess` does.

    Args:
        crops: Grey crops, uint8, shape (faces, 1, 48, 48), on any device.
        settings: Ranges of the changes.
        generator: Source of randomness, on the device of the crops.

    Returns:
        Input of the network, float32, shape (faces, 1, window, window).
    """
    moved = _move(crops.float(), settings=settings, generator=generator)
    lit = _relight(moved, settings=settings, generator=generator)
    seen = _coarsen(lit, settings=settings, generator=generator)
    noise = settings.noise * _uniform(len(seen), generator=generator)
    grain = torch.randn(seen.shape, generator=generator, device=seen.device)
    standard = standardise(seen + noise.view(-1, 1, 1, 1) * grain)
    if settings.cutout == 0:
        return standard
    squares = _squares(len(crops), settings=settings, generator=generator)
    return standard.masked_fill(squares, 0.0)


def standardise(crops: torch.Tensor) -> torch.Tensor:
    """Do to grey levels on any device what `moodcue_fer.preprocessing.preprocess` does.

    Args:
        crops: Grey levels 0..255, float32, shape (faces, 1, height, width).
    """
    mean = crops.mean(dim=(2, 3), keepdim=True)
    deviation = crops.std(dim=(2, 3), keepdim=True, correction=0).clamp_min(DEVIATION_FLOOR)
    return (crops - mean) / deviation


def _move(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    count, size = len(crops), crops.shape[-1]
    angle = math.radians(settings.rotation_degrees) * _symmetric(count, generator=generator)
    zoom = (1 + settings.scale * _symmetric(count, generator=generator)) * settings.window / size
    mirror = _below(2, count, generator=generator) * 2.0 - 1.0
    play = (1 - zoom).abs()
    across = play * _symmetric(count, generator=generator)
    down = play * _symmetric(count, generator=generator)
    first = torch.stack([zoom * mirror * angle.cos(), -zoom * angle.sin(), across], dim=1)
    second = torch.stack([zoom * mirror * angle.sin(), zoom * angle.cos(), down], dim=1)
    matrix = torch.stack([first, second], dim=1)
    shape = [count, 1, settings.window, settings.window]
    grid = functional.affine_grid(matrix, shape, align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _relight(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    count = len(crops)
    gamma = (settings.gamma * _symmetric(count, generator=generator)).exp()
    angle = math.tau * _uniform(count, generator=generator)
    slope = settings.side_light * _uniform(count, generator=generator)
    place = torch.linspace(-1, 1, crops.shape[-1], device=crops.device)
    across = (slope * angle.cos()).view(-1, 1, 1, 1) * place.view(1, 1, 1, -1)
    down = (slope * angle.sin()).view(-1, 1, 1, 1) * place.view(1, 1, -1, 1)
    curved = WHITE * (crops / WHITE).clamp(0, 1).pow(gamma.view(-1, 1, 1, 1))
    gain = (settings.exposure * _uniform(count, generator=generator)).exp()
    return (curved * gain.view(-1, 1, 1, 1) * (1 + across + down)).clamp(0, WHITE)


def _coarsen(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Reduce the first crops, which are in random order, to random sizes and enlarge them."""
    count = round(settings.coarse_share * len(crops))
    if count == 0:
        return crops
    along = _coarse_along(crops.shape[-1], smallest=settings.coarse_pixels, device=crops.device)
    chosen = along[_below(len(along), count, generator=generator)].unsqueeze(1)
    coarse = chosen @ crops[:count] @ chosen.transpose(2, 3)
    return torch.cat([coarse.clamp(0, WHITE), crops[count:]])


@cache
def _coarse_along(window: int, *, smallest: int, device: torch.device) -> torch.Tensor:
    """Return what reducing and enlarging does to a line of pixels, one matrix for every size.

    One product with each takes the place of two interpolations, so that every face has a size of
    its own and shapes do not depend on what is drawn.

    Returns:
        float32, shape (window - smallest, window, window).
    """
    line = torch.eye(window).view(window, 1, 1, window)
    matrices = [
        functional.interpolate(
            functional.interpolate(line, size=(1, side), mode="area"),
            size=(1, window),
            mode="bicubic",
            align_corners=False,
        )[:, 0, 0].T
        for side in range(smallest, window)
    ]
    return torch.stack(matrices).to(device)


def _squares(count: int, *, settings: Augmentation, generator: torch.Generator) -> torch.Tensor:
    window = settings.window
    side = _below(settings.cutout + 1, count, generator=generator).view(-1, 1, 1)
    top = _below(window, count, generator=generator).view(-1, 1, 1) - side // 2
    left = _below(window, count, generator=generator).view(-1, 1, 1) - side // 2
    rows = torch.arange(window, device=generator.device).view(1, -1, 1)
    columns = torch.arange(window, device=generator.device).view(1, 1, -1)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return inside.unsqueeze(1)


def _uniform(count: int, *, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator, device=generator.device)


def _symmetric(count: int, *, generator: torch.Generator) -> torch.Tensor:
    return _uniform(count, generator=generator) * 2 - 1


def _below(end: int, count: int, *, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(end, (count,), generator=generator, device=generator.device)
