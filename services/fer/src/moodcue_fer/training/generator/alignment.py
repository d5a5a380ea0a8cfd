"""Lay faces more exactly than a detector's landmarks do: each upon the mean of all.

On crops of 48x48 the landmarks of YuNet are off by a pixel or two and hardly follow a tilt, and so
would eyes and mouths; the mean face gets blurred, and what is learned from it. Here each face is
moved, turned and scaled until its eyes and nose lie best on those of the mean face (inverse
compositional registration, Baker and Matthews, 2004), then the mean is taken anew.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from moodcue_fer.preprocessing import CROP_SIZE
from moodcue_fer.training.generator.data import SIZE, oval_mask

EYES_AND_NOSE: Final = (31.5, 27.0, 20.0, 17.0)
"""Middle and half axes of the part that is compared: the mouth moves with the emotion."""

BLURS: Final = (5, 3, 3, 1)
"""Side in pixels by which the mean and the faces are blurred in each round."""

STEPS: Final = 6
BATCH: Final = 1024
MOST_SHIFT: Final = 5.0
MOST_CHANGE: Final = 0.25
"""A registration that moves a face by more pixels, or changes size or angle more, is given up."""

Matrices = npt.NDArray[np.float64]


def refine_placements(
    crops: npt.NDArray[np.uint8], matrices: Matrices
) -> tuple[Matrices, npt.NDArray[np.bool_]]:
    """Return better similarities from crops to laid faces, and which of them were found.

    Args:
        crops: Grey crops, shape (faces, 48, 48).
        matrices: First guesses, shape (faces, 2, 3).
    """
    pictures = torch.from_numpy(crops).unsqueeze(1).float()
    # From laid pixels to crop pixels, as pictures are sampled.
    first = torch.linalg.inv(_square(torch.from_numpy(matrices))).float()
    places = first.clone()
    found = torch.zeros(len(places), dtype=torch.bool)
    for blur in BLURS:
        mean = _standard(_sample(pictures, places, blur=blur)).mean(dim=0)
        mean = (mean + mean.flip(-1)) / 2
        moved = torch.cat(
            [
                _register(batch, at, mean=mean, blur=blur)
                for batch, at in zip(
                    torch.split(pictures, BATCH), torch.split(places, BATCH), strict=True
                )
            ]
        )
        near = _is_near(moved, first)
        places = torch.where(near.view(-1, 1, 1), moved, places)
        found |= near
    return torch.linalg.inv(places.double())[:, :2].numpy(), found.numpy()


def _register(
    pictures: torch.Tensor, places: torch.Tensor, *, mean: torch.Tensor, blur: int
) -> torch.Tensor:
    """Return places, shape (faces, 3, 3), that lay the faces better on the mean one."""
    inside = torch.from_numpy(oval_mask(EYES_AND_NOSE)).float()
    down, across = torch.gradient(mean)
    middle = (SIZE - 1) / 2
    rows, columns = torch.meshgrid(
        torch.arange(SIZE) - middle, torch.arange(SIZE) - middle, indexing="ij"
    )
    # How the mean face changes with size, angle, shift across and shift down.
    changes = torch.stack(
        [across * columns + down * rows, down * columns - across * rows, across, down]
    )
    changes = (changes * inside).view(4, -1)
    back = torch.linalg.inv(changes @ changes.T) @ changes
    for _ in range(STEPS):
        difference = (_standard(_sample(pictures, places, blur=blur)) - mean) * inside
        size, angle, right, below = (difference.flatten(1) @ back.T).T
        step = torch.eye(3).repeat(len(places), 1, 1)
        step[:, 0, 0] = step[:, 1, 1] = 1 + size
        step[:, 1, 0], step[:, 0, 1] = angle, -angle
        step[:, 0, 2] = right - middle * size + middle * angle
        step[:, 1, 2] = below - middle * size - middle * angle
        places = places @ torch.linalg.inv(step)
    return places


def _sample(pictures: torch.Tensor, places: torch.Tensor, *, blur: int) -> torch.Tensor:
    """Return laid faces, shape (faces, 64, 64)."""
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    points = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1).float()
    source = points.view(-1, 3) @ places[:, :2].transpose(1, 2)
    grid = (2 * source + 1) / CROP_SIZE - 1
    laid = functional.grid_sample(
        pictures, grid.view(-1, SIZE, SIZE, 2), padding_mode="border", align_corners=False
    )
    if blur > 1:
        laid = functional.avg_pool2d(
            laid, blur, stride=1, padding=blur // 2, count_include_pad=False
        )
    return laid.squeeze(1)


def _standard(laid: torch.Tensor) -> torch.Tensor:
    """Bring eyes and nose of each face to mean 0 and deviation 1."""
    inside = torch.from_numpy(oval_mask(EYES_AND_NOSE))
    seen = laid[:, inside]
    mean: torch.Tensor
    mean, deviation = seen.mean(1), seen.std(1).clamp_min(1e-3)
    return (laid - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1)


def _is_near(places: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """Return which places are still near the first guess, shape (faces,)."""
    change = torch.linalg.inv(first) @ places
    middle = torch.tensor([(SIZE - 1) / 2, (SIZE - 1) / 2, 1.0])
    shift = torch.linalg.vector_norm(((change @ middle) - middle)[:, :2], dim=1)
    turn = torch.linalg.vector_norm(change[:, :2, 0] - torch.tensor([1.0, 0.0]), dim=1)
    return torch.logical_and(shift < MOST_SHIFT, turn < MOST_CHANGE)


def _square(matrices: torch.Tensor) -> torch.Tensor:
    last = torch.tensor([0.0, 0.0, 1.0], dtype=matrices.dtype).expand(len(matrices), 1, 3)
    return torch.cat([matrices, last], dim=1)
