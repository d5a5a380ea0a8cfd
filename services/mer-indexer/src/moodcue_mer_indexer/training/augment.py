"""Random changes of training patches that leave the emotion as it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How strongly training patches are changed.

    Attributes:
        gain_db: Largest change of the level, either way.
        tilt_db: Largest change of the level between the lowest and the highest band.
        band_mask: Largest number of neighbouring bands hidden, twice per patch.
        time_mask: Largest number of neighbouring frames hidden, twice per patch.
        mixup_alpha: Parameter of the Beta distribution of the mixture; 0 mixes nothing.
    """

    gain_db: float = 4.0
    tilt_db: float = 3.0
    band_mask: int = 8
    time_mask: int = 32
    mixup_alpha: float = 0.3


def crop(
    spectrogram: NDArray[np.float16], *, frames: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a random patch ``(n_mels, frames)``; a shorter song is repeated."""
    length = spectrogram.shape[1]
    if length < frames:
        spectrogram = np.tile(spectrogram, (1, -(-frames // length)))
        length = spectrogram.shape[1]
    start = int(generator.integers(0, length - frames + 1))
    return spectrogram[:, start : start + frames].astype(np.float32)


def augment(
    patch: NDArray[np.float32], *, settings: Augmentation, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a copy with another level, another tilt and hidden bands and frames (SpecAugment)."""
    bands, frames = patch.shape
    gain = generator.uniform(-settings.gain_db, settings.gain_db)
    tilt = generator.uniform(-settings.tilt_db, settings.tilt_db) / 2
    slope = np.linspace(-tilt, tilt, bands, dtype=np.float32)[:, None]
    changed: NDArray[np.float32] = patch + np.float32(gain) + slope
    hidden = changed.mean()
    for _ in range(2):
        width = int(generator.integers(0, settings.band_mask + 1))
        start = int(generator.integers(0, bands - width + 1))
        changed[start : start + width] = hidden
        width = int(generator.integers(0, settings.time_mask + 1))
        start = int(generator.integers(0, frames - width + 1))
        changed[:, start : start + width] = hidden
    return changed


def mix(
    patches: NDArray[np.float32],
    targets: NDArray[np.float32],
    *,
    alpha: float,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the batch mixed with a shuffled copy of itself (mixup), targets alike."""
    if alpha <= 0:
        return patches, targets
    share = np.float32(generator.beta(alpha, alpha))
    order = generator.permutation(len(patches))
    mixed = share * patches + (1 - share) * patches[order]
    return mixed, share * targets + (1 - share) * targets[order]
