"""FER2013 as training material: split, soft targets and augmentation."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import Fer2013


@dataclass(frozen=True, kw_only=True)
class TrainingSplit:
    """The Training part of FER2013, cut in two.

    Attributes:
        train: Pictures to fit weights on.
        held_out: Pictures to select the epoch and fit the temperature on.
        dropped_test_duplicates: Training pictures left out, being identical to a test picture.
        dropped_non_faces: Training pictures left out, having most votes for "not a face".
    """

    train: Fer2013
    held_out: Fer2013
    dropped_test_duplicates: int
    dropped_non_faces: int


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of a crop in training.

    Attributes:
        window: Side in pixels of the window that is cut at a random place.
        rotation_degrees: Largest rotation to either side.
        scale: Largest relative change of size to either side.
        contrast: Largest relative change of contrast to either side.
        brightness: Largest shift of brightness, in deviations of the crop.
        cutout: Largest side in pixels of a grey square put over the crop, 0 for none.
    """

    window: int = 40
    rotation_degrees: float = 15.0
    scale: float = 0.15
    contrast: float = 0.25
    brightness: float = 0.25
    cutout: int = 14


def split_training(faces: Fer2013, *, held_out_share: float, seed: int) -> TrainingSplit:
    """Cut the Training part in two, identical pictures never on both sides.

    Args:
        faces: All of FER2013.
        held_out_share: Share of Training to hold out, 0..1.
        seed: Seed of the cut.
    """
    training = faces.usage == "Training"
    test_copy = training & np.isin(faces.groups, faces.groups[~training])
    non_face = training & ~test_copy & (faces.other_votes[:, 2] > faces.votes.max(axis=1))
    usable = training & ~test_copy & ~non_face
    groups = np.unique(faces.groups[usable])
    shuffled = np.random.default_rng(seed).permutation(groups)
    held_out_groups = shuffled[: round(held_out_share * len(groups))]
    held_out = usable & np.isin(faces.groups, held_out_groups)
    return TrainingSplit(
        train=faces.select(usable & ~held_out),
        held_out=faces.select(held_out),
        dropped_test_duplicates=int(test_copy.sum()),
        dropped_non_faces=int(non_face.sum()),
    )


def soft_targets(faces: Fer2013, *, vote_share: float, smoothing: float) -> npt.NDArray[np.float32]:
    """Mix the label of FER2013 with the crowd's votes of FER+.

    Single votes count as slips and are left out, as in FER+ (Barsoum et al., 2016).

    Args:
        faces: Labelled faces.
        vote_share: Weight of the votes in the mix, 0..1.
        smoothing: Weight of the uniform distribution over the seven, 0..1.

    Returns:
        Probabilities, float32, shape (n, 7).
    """
    label = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    votes = np.where(faces.votes > 1, faces.votes, 0)
    total = votes.sum(axis=1, keepdims=True)
    crowd = np.where(total > 0, votes / np.maximum(total, 1), label)
    mixed = (1 - vote_share) * label + vote_share * crowd
    return ((1 - smoothing) * mixed + smoothing / len(EMOTIONS)).astype(np.float32)


def augment(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Change preprocessed crops at random.

    Args:
        crops: Preprocessed crops, shape (faces, 1, 48, 48), on any device.
        settings: Ranges of the changes.
        generator: Source of randomness, on the CPU, so that every device draws the same.

    Returns:
        Changed crops, shape (faces, 1, window, window).
    """
    moved = _move(crops, settings=settings, generator=generator)
    count = len(crops)
    gain = 1 + settings.contrast * _symmetric(count, generator=generator).to(crops.device)
    shift = settings.brightness * _symmetric(count, generator=generator).to(crops.device)
    lit = moved * gain.view(-1, 1, 1, 1) + shift.view(-1, 1, 1, 1)
    if settings.cutout == 0:
        return lit
    return lit.masked_fill(
        _squares(count, settings=settings, generator=generator).to(lit.device), 0.0
    )


def _move(
    crops: torch.Tensor, *, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    count, size = len(crops), crops.shape[-1]
    angle = math.radians(settings.rotation_degrees) * _symmetric(count, generator=generator)
    zoom = (1 + settings.scale * _symmetric(count, generator=generator)) * settings.window / size
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    play = (1 - zoom).abs()
    matrix = torch.stack(
        [
            torch.stack(
                [
                    zoom * mirror * angle.cos(),
                    -zoom * angle.sin(),
                    play * _symmetric(count, generator=generator),
                ],
                dim=1,
            ),
            torch.stack(
                [
                    zoom * mirror * angle.sin(),
                    zoom * angle.cos(),
                    play * _symmetric(count, generator=generator),
                ],
                dim=1,
            ),
        ],
        dim=1,
    ).to(crops.device)
    shape = [count, 1, settings.window, settings.window]
    grid = functional.affine_grid(matrix, shape, align_corners=False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _squares(count: int, *, settings: Augmentation, generator: torch.Generator) -> torch.Tensor:
    window = settings.window
    side = torch.randint(0, settings.cutout + 1, (count, 1, 1), generator=generator)
    top = torch.randint(0, window, (count, 1, 1), generator=generator) - side // 2
    left = torch.randint(0, window, (count, 1, 1), generator=generator) - side // 2
    rows = torch.arange(window).view(1, -1, 1)
    columns = torch.arange(window).view(1, 1, -1)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return inside.unsqueeze(1)


def _symmetric(count: int, *, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator) * 2 - 1
