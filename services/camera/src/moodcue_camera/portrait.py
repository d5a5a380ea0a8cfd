"""A portrait whose expression is changed by moving features of the face.

The picture is the US Navy's portrait of Grace Hopper (a work of the US government, public domain)
that Matplotlib ships among its sample data. Her face is large, frontal and shows hardly any
emotion, so that small movements suffice. Only that file is read; Matplotlib is never imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from moodcue_camera.sources import Image, SourceError

_PACKAGE = "matplotlib"
_FILE = "mpl-data/sample_data/grace_hopper.jpg"
_SIZE = (600, 512)
_OUTLINE_SOFTNESS_PIXELS = 2.0

FACE_CENTRE = (266.0, 216.0)
"""Middle of the face in pixels of the portrait."""

_FACE_AREA = (120, 70, 410, 360)
"""Left, top, right, bottom of what an expression may move, in pixels of the portrait."""

_OUTLINE = (
    (148, 170), (148, 105), (172, 82), (180, 52), (205, 34), (240, 24), (285, 24), (325, 36),
    (350, 62), (354, 84), (369, 96), (371, 140), (367, 178), (377, 190), (374, 228), (354, 262),
    (346, 296), (332, 309), (336, 322), (392, 352), (474, 386), (495, 402), (504, 450), (504, 600),
    (16, 600), (24, 480), (33, 412), (50, 390), (124, 364), (170, 350), (197, 334), (194, 296),
    (172, 282), (163, 262), (160, 240), (152, 215),
)  # fmt: skip
"""Head, hat and shoulders, traced by hand, in pixels of the portrait."""


@dataclass(frozen=True)
class Feature:
    """A part of the face that moves; its movement fades out like a Gaussian.

    Attributes:
        centres: pixels of the portrait; of a pair the left one of the picture first.
        reach: standard deviations of the Gaussian in pixels, across and down.
    """

    centres: tuple[tuple[float, float], ...]
    reach: tuple[float, float]


_FEATURES = {
    "mouth_corners": Feature(((230, 281), (308, 277)), (14, 12)),
    "upper_lip": Feature(((268, 274),), (20, 9)),
    "lower_lip": Feature(((268, 289),), (20, 8)),
    "chin": Feature(((268, 305),), (22, 10)),
    "cheeks": Feature(((215, 240), (322, 238)), (18, 14)),
    "jowls": Feature(((220, 300), (318, 296)), (14, 14)),
    "inner_brows": Feature(((248, 172), (284, 170)), (14, 12)),
    "outer_brows": Feature(((200, 182), (340, 178)), (16, 14)),
    "upper_lids": Feature(((221, 181), (305, 179)), (16, 7)),
    "lower_lids": Feature(((222, 196), (307, 192)), (16, 7)),
}

Movement = tuple[float, float]
"""Outward (away from the middle of the face) and down, in pixels of the portrait."""

_MOVEMENTS: Mapping[str, Mapping[str, Movement]] = {
    "neutral": {},
    "happiness": {
        "mouth_corners": (8, -15),
        "upper_lip": (0, 5),
        "lower_lip": (0, -1),
        "chin": (0, 3),
        "cheeks": (3, -8),
        "upper_lids": (0, 2),
    },
    "sadness": {
        "mouth_corners": (5.5, 14.5),
        "upper_lip": (0, -3),
        "lower_lip": (0, 3),
        "cheeks": (0, 3.5),
        "jowls": (1.5, 3),
        "inner_brows": (-5, -13),
        "outer_brows": (2, 6),
        "upper_lids": (0, 6),
        "lower_lids": (0, 6),
    },
}
"""How the features move: found by trial, as little as is read for what it shall be."""


def find_portrait() -> Path:
    """Return where the portrait lies, without importing the package that holds it.

    Raises:
        SourceError: if the package is not installed or lacks the file.
    """
    found = find_spec(_PACKAGE)
    folders = (found.submodule_search_locations if found else None) or []
    for folder in folders:
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise SourceError(
        f"the synthetic camera needs {_FILE} of the package {_PACKAGE}, which is not installed; "
        "run: pip install 'moodcue-camera[synthetic]'"
    )


class Portrait:
    """The portrait, its outline, and its face in any mixture of expressions.

    Raises:
        SourceError: if the picture is not there or another one than expected.
    """

    def __init__(self) -> None:
        path = find_portrait()
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or image.shape[:2] != _SIZE:
            raise SourceError(
                f"{path}: not the portrait of {_SIZE[1]}x{_SIZE[0]} pixels that the synthetic "
                f"camera knows; reinstall {_PACKAGE}"
            )
        self._image: Image = np.asarray(image, np.uint8)
        self._fields = {name: _displacement(moves) for name, moves in _MOVEMENTS.items()}
        self.outline = _outline()

    def showing(self, weights: Mapping[str, float]) -> Image:
        """Return the portrait with a mixture of expressions.

        Args:
            weights: share of each expression, 0 to 1.

        Returns:
            BGR, shape (600, 512, 3).
        """
        left, top, right, bottom = _FACE_AREA
        columns, rows = _grid()
        moved = np.zeros((2, *columns.shape), np.float32)
        for name, weight in weights.items():
            moved += weight * self._fields[name]
        face = cv2.remap(
            self._image[top:bottom, left:right],
            columns - left - moved[0],
            rows - top - moved[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        changed = self._image.copy()
        changed[top:bottom, left:right] = face
        return changed


def _grid() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    left, top, right, bottom = _FACE_AREA
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    return columns, rows


def _displacement(moves: Mapping[str, Movement]) -> npt.NDArray[np.float32]:
    """Return how far each pixel of the face moves: across and down, shape (2, height, width)."""
    columns, rows = _grid()
    field = np.zeros((2, *columns.shape), np.float32)
    for name, (outward, down) in moves.items():
        feature = _FEATURES[name]
        for x, y in feature.centres:
            across = (columns - x) / feature.reach[0]
            along = (rows - y) / feature.reach[1]
            near = np.exp(-(across**2 + along**2) / 2)
            side = np.sign(x - FACE_CENTRE[0]) if len(feature.centres) > 1 else 0.0
            field[0] += near * outward * side
            field[1] += near * down
    return field


def _outline() -> npt.NDArray[np.float32]:
    """Return the share of the person in each pixel, 0 to 1, shape (600, 512)."""
    mask = np.zeros(_SIZE, np.float32)
    cv2.fillPoly(mask, [np.array(_OUTLINE, np.int32)], 1.0)
    softness = _OUTLINE_SOFTNESS_PIXELS
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.float32)
