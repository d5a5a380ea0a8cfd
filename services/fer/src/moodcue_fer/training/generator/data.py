"""Laid faces: eyes, nose and mouth of all in the same places."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue_fer.preprocessing import CROP_SIZE
from moodcue_fer.training.frontality import SCORE_COLUMN

SIZE: Final = 64
"""Height and width in pixels of a laid face."""

FRAME: Final = (6.0, 4.0, 52.0)
"""Left, top and side of FER2013's square in a laid face, which shows some more: the chin."""

LANDMARKS: Final = np.array(
    [[13.4, 18.0], [34.6, 18.0], [24.0, 28.2], [15.7, 37.0], [32.3, 37.0]], dtype=np.float64
)
"""Eyes, nose and corners of the mouth in FER2013's square of 48x48: medians over frontal faces
of FER2013 and CK+, made symmetric."""

LANDMARK_WEIGHTS: Final = np.array([1.0, 1.0, 0.5, 0.35, 0.35])
"""The mouth moves with the emotion, so that it counts less."""

OVAL: Final = (31.5, 32.5, 27.0, 31.0)
"""Middle and half axes in pixels of what is learned: the head, not what is behind it."""

CONTRAST: Final = 2.5
"""Standard deviations of grey that become 1."""

BRIGHTEST: Final = 1.2


@dataclass(frozen=True, kw_only=True)
class LaidFaces:
    """Faces with eyes, nose and mouth in the same places.

    Attributes:
        pictures: Grey, minus its mean, in units of 2.5 standard deviations, at most 1.2 to either
            side; float32, shape (n, 64, 64).
        masks: 1 where the source shows something, 0 beyond its border, float32, same shape.
        emotions: Shares of the seven, float32, shape (n, 7).
    """

    pictures: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]
    emotions: npt.NDArray[np.float32]


def placement(row: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the 2x3 similarity from a crop to a laid face, least squares over the landmarks.

    Args:
        row: Row of YuNet in pixels of the crop.
    """
    points = row[4:SCORE_COLUMN].reshape(-1, 2).astype(np.float64)
    left, top, side = FRAME
    wanted = (LANDMARKS + 0.5) * side / CROP_SIZE + (left - 0.5, top - 0.5)
    weights = LANDMARK_WEIGHTS / LANDMARK_WEIGHTS.sum()
    from_middle, to_middle = weights @ points, weights @ wanted
    # As complex numbers a similarity is a product: the best factor is a weighted projection.
    source = (points - from_middle) @ (1, 1j)
    target = (wanted - to_middle) @ (1, 1j)
    factor = (weights * source.conj()) @ target / ((weights * source.conj()) @ source).real
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.hstack([turn, (to_middle - turn @ from_middle)[:, np.newaxis]])


def lay(
    crop: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lay a face: return its standardised picture and its mask, float32, shape (64, 64) each.

    Args:
        crop: Grey crop, shape (48, 48).
        matrix: Similarity from the crop to a laid face, shape (2, 3).
    """
    laid = cv2.warpAffine(
        crop.astype(np.float32),
        matrix,
        (SIZE, SIZE),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inside = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
    inside[1:-1, 1:-1] = 1
    mask = cv2.warpAffine(inside, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR) > 0.99  # noqa: PLR2004 - wholly inside
    known = laid[mask]
    standard = (laid - known.mean()) / (CONTRAST * max(float(known.std()), 1.0))
    return (
        np.asarray(np.clip(standard, -BRIGHTEST, BRIGHTEST), np.float32),
        (mask & oval_mask()).astype(np.float32),
    )


def oval_mask(oval: tuple[float, float, float, float] = OVAL) -> npt.NDArray[np.bool_]:
    """Return which pixels of a laid face lie in an oval, shape (64, 64).

    Args:
        oval: Middle, then half axes, column before row.
    """
    x, y, half_width, half_height = oval
    rows, columns = np.mgrid[:SIZE, :SIZE]
    far = ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2
    return np.asarray(far <= 1)
