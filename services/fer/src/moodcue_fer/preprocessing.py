"""The one way from a face crop to the network's input, for training, evaluation and serving."""

from typing import Final

import numpy as np
import numpy.typing as npt

CROP_SIZE: Final = 48
"""Height and width of a face crop in pixels: FER2013's."""

DEVIATION_FLOOR: Final = 4.0
"""Smallest standard deviation, in grey levels, that a crop is divided by.

A flat crop (a black frame, a wall) stays near zero and its noise is not blown up to contrast.
"""

DESCRIPTION: Final = (
    "grey uint8 crop, 48x48; minus its mean, divided by its standard deviation (at least 4 grey "
    "levels); float32, shape (faces, 1, 48, 48)"
)


def preprocess(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Turn face crops into the network's input.

    Each crop is standardised by its own mean and deviation, so that a dark or flat lighting of
    the whole face changes little.

    Args:
        crops: Grey crops, uint8, shape (faces, 48, 48).

    Returns:
        float32, shape (faces, 1, 48, 48); mean 0 and deviation 1 within each crop.

    Raises:
        ValueError: The crops have another shape or type.
    """
    if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE) or crops.dtype != np.uint8:  # noqa: PLR2004 - faces, rows, columns
        message = (
            f"crops must be uint8 of shape (faces, {CROP_SIZE}, {CROP_SIZE}), "
            f"got {crops.dtype} of shape {crops.shape}"
        )
        raise ValueError(message)
    pixels = crops.astype(np.float32)
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    deviation = np.maximum(pixels.std(axis=(1, 2), keepdims=True), DEVIATION_FLOOR)
    return np.ascontiguousarray(((pixels - mean) / deviation)[:, np.newaxis])
