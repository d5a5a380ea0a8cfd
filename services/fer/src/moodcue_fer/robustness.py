"""How readings hold when the box, the light or the picture get worse."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue_fer.preprocessing import CROP_SIZE

Crop = npt.NDArray[np.uint8]
Change = Callable[[Crop], Crop]

WHITE: Final = 255.0


def moved(
    *, across: float = 0.0, down: float = 0.0, zoom: float = 1.0, degrees: float = 0.0
) -> Change:
    """Return the change that a box elsewhere makes; what lies outside repeats the border.

    Args:
        across: Shift to the right in sides of the crop.
        down: Shift downwards in sides of the crop.
        zoom: Size of the face relative to the right box; above 1 is a box too small.
        degrees: Tilt of the head.
    """
    middle = (CROP_SIZE - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, zoom)
    matrix[0, 2] += across * CROP_SIZE
    matrix[1, 2] += down * CROP_SIZE

    def change(crop: Crop) -> Crop:
        size = (CROP_SIZE, CROP_SIZE)
        warped = cv2.warpAffine(
            crop, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, dtype=np.uint8)

    return change


def lit(*, gamma: float = 1.0, gain: float = 1.0, side: float = 0.0) -> Change:
    """Return a change of light.

    Args:
        gamma: Exponent of the grey levels, 0..1 brightens the dark parts.
        gain: Factor of all grey levels.
        side: Relative change from the middle to the right, the opposite to the left.
    """
    slope = 1 + side * np.linspace(-1, 1, CROP_SIZE)

    def change(crop: Crop) -> Crop:
        bright = WHITE * gain * (crop / WHITE) ** gamma * slope
        return np.asarray(np.clip(np.rint(bright), 0, WHITE), dtype=np.uint8)

    return change


def blurred(deviation: float) -> Change:
    """Return a Gaussian blur, its deviation in pixels of the 48x48 crop."""
    return lambda crop: np.asarray(cv2.GaussianBlur(crop, (0, 0), deviation), dtype=np.uint8)


def small(pixels: int) -> Change:
    """Return what is left of a face that has only so many pixels in the frame."""

    def change(crop: Crop) -> Crop:
        reduced = cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA)
        size = (CROP_SIZE, CROP_SIZE)
        return np.asarray(cv2.resize(reduced, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)

    return change


def noisy(deviation: float) -> Change:
    """Return added noise, its deviation in grey levels; the same for the same crop."""

    def change(crop: Crop) -> Crop:
        grain = np.random.default_rng(int(crop.sum())).normal(0, deviation, crop.shape)
        return np.asarray(np.clip(np.rint(crop + grain), 0, WHITE), dtype=np.uint8)

    return change


def compressed(quality: int) -> Change:
    """Return what JPEG leaves of a crop at a quality of 1..100."""

    def change(crop: Crop) -> Crop:
        _, jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)

    return change


CHANGES: Final[Mapping[str, Change]] = {
    "none": lambda crop: crop,
    "shift 5 % right": moved(across=0.05),
    "shift 10 % right": moved(across=0.10),
    "shift 10 % left": moved(across=-0.10),
    "shift 10 % down": moved(down=0.10),
    "shift 10 % up": moved(down=-0.10),
    "shift 15 % diagonally": moved(across=0.15 / math.sqrt(2), down=0.15 / math.sqrt(2)),
    "box 10 % too large": moved(zoom=1 / 1.1),
    "box 25 % too large": moved(zoom=1 / 1.25),
    "box 10 % too small": moved(zoom=1.1),
    "box 25 % too small": moved(zoom=1.25),
    "tilt 10 degrees": moved(degrees=10),
    "tilt 20 degrees": moved(degrees=20),
    "half the light": lit(gain=0.5),
    "a quarter of the light": lit(gain=0.25),
    "overexposed by 60 %": lit(gain=1.6),
    "gamma 0.5": lit(gamma=0.5),
    "gamma 2": lit(gamma=2.0),
    "light from the side": lit(side=0.6),
    "blur of 1 pixel": blurred(1.0),
    "blur of 2 pixels": blurred(2.0),
    "face of 32 pixels": small(32),
    "face of 24 pixels": small(24),
    "face of 16 pixels": small(16),
    "noise of 10 grey levels": noisy(10.0),
    "noise of 20 grey levels": noisy(20.0),
    "JPEG of quality 30": compressed(30),
}
"""By name, what is done to each crop."""


def changed(crops: npt.NDArray[np.uint8], change: Change) -> npt.NDArray[np.uint8]:
    """Apply a change to crops, uint8, shape (faces, 48, 48)."""
    return np.stack([change(crop) for crop in crops])
