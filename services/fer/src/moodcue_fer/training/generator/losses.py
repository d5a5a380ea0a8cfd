"""What the generator is judged by, and how often it is shown what."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.training.augment import standardise
from moodcue_fer.training.generator.data import FRAME, SIZE

VIEW: Final = 44
"""Side in pixels of what the reader of emotions sees, as in its own training."""


def chances(emotions: npt.NDArray[np.float32], *, rarity: float) -> npt.NDArray[np.float64]:
    """Return how often each face is shown, so that rare emotions are seen often enough.

    Args:
        emotions: Shares of the seven, shape (n, 7).
        rarity: As in `GeneratorConfig`.
    """
    classes = emotions.argmax(axis=1)
    counts = np.bincount(classes, minlength=len(EMOTIONS)).astype(np.float64)
    return np.asarray(np.maximum(counts, 1)[classes] ** (rarity - 1))


def unlikeness(wanted: list[torch.Tensor], given: list[torch.Tensor]) -> torch.Tensor:
    """Return how far features are from those of the faces that were rebuilt, mean over layers.

    Args:
        wanted: Features of every layer, of the real faces.
        given: Features of every layer, of the rebuilt faces and then of others.
    """
    return torch.stack(
        [
            (want.float() - give[: len(want)].float()).abs().mean() / want.float().abs().mean()
            for want, give in zip(wanted, given, strict=True)
        ]
    ).mean()


def lopsidedness(changes: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of pictures and their mirror images, less fine detail."""
    smooth = functional.avg_pool2d(changes, 2)
    return (smooth - smooth.flip(-1)).abs().mean()


def look_at(laid: torch.Tensor) -> torch.Tensor:
    """Cut out of laid faces what the reader of emotions sees, as unsteadily as a detector does.

    Only what shows from any place, in any light and through noise is then read as an emotion;
    patterns that please one network alone are not.

    Args:
        laid: Laid faces, shape (faces, 1, 64, 64).

    Returns:
        Standardised crops, shape (faces, 1, 44, 44).
    """
    count = len(laid)
    left, top, side = FRAME
    zoom = side / SIZE * (0.95 + 0.2 * torch.rand(count))
    angle = math.radians(8) * (2 * torch.rand(count) - 1)
    mirror = 2.0 * torch.randint(0, 2, (count,)) - 1
    across = (left + side / 2) * 2 / SIZE - 1 + 0.12 * (torch.rand(count) - 0.5)
    down = (top + side / 2) * 2 / SIZE - 1 + 0.12 * (torch.rand(count) - 0.5)
    first = torch.stack([zoom * mirror * angle.cos(), -zoom * angle.sin(), across], dim=1)
    second = torch.stack([zoom * mirror * angle.sin(), zoom * angle.cos(), down], dim=1)
    grid = functional.affine_grid(
        torch.stack([first, second], dim=1), [count, 1, VIEW, VIEW], align_corners=False
    )
    seen = functional.grid_sample(laid, grid, padding_mode="border", align_corners=False)
    blurred = functional.avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
    blur = 0.6 * torch.rand(count, 1, 1, 1)
    noise = 0.08 * torch.rand(count, 1, 1, 1)
    light = 0.3 * (2 * torch.rand(count, 1, 1, 1) - 1) * torch.linspace(-1, 1, VIEW)
    seen = (1 - blur) * seen + blur * blurred + light + noise * torch.randn_like(seen)
    # In grey levels, so that the floor of the deviation means what it means elsewhere.
    return standardise(100 * seen).contiguous(memory_format=torch.channels_last)
