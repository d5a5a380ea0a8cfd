"""What a person looks like around the face, in a few numbers: hair, skin, clothes.

A watcher tells the people before a camera apart by their hair and clothes and by how light their
skin is beside them, so this is what is described: the mean tones of 15 areas around the face, how
much texture four areas have, and which way the texture of the clothes runs. The features of the
face stay out: they change with the expression more than from person to person, and they would make
a biometric template of the description.

The description is no picture and cannot be made into one again: it holds means over areas that are
at least an eighth of the face wide, and none of an eye, a nose or a mouth. It tells apart the few
people who are before a camera on one evening; in other clothes, somebody is somebody else.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.events import Box
from moodcue_fer.faces import GreyPicture

Grid = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CELLS: Final = 16
"""Cells of the grid per side of the face's box."""

_REACH: Final = (-0.875, -1.0, 0.875, 2.0)
"""Left, top, right, bottom of the grid from the centre of the face, in sides of its box."""

_COLUMNS: Final = round((_REACH[2] - _REACH[0]) * CELLS)
_ROWS: Final = round((_REACH[3] - _REACH[1]) * CELLS)

_SAMPLES: Final = 64
"""Pixels per side of the face that are looked at; more are skipped, for speed."""

_DARK_LEVEL: Final = 20.0
"""Grey levels that are added before the logarithm, so that the noise of black stays small."""

_DIRECTIONS: Final = 4
_FLAT: Final = 0.02
"""Gradient of an even surface, in logarithms of grey per two cells."""

_LIMIT: Final = 9.0
_LEAST: Final = 0.001


@dataclass(frozen=True)
class Area:
    """A part of the surroundings of a face.

    Attributes:
        spans: left, right, top, bottom from the face's centre in sides of its box; positive is
            right and down.
        usual: the figure of the usual person.
        spread: by how much it varies on one person, standard deviation.
        mirrored: the same area on the other side of the face belongs to it.
    """

    spans: tuple[float, float, float, float]
    usual: float
    spread: float
    mirrored: bool = False


TONES: Final[dict[str, Area]] = {
    "hair on top": Area((-0.25, 0.25, -0.75, -0.5), -0.8, 0.2),
    "hairline": Area((-0.25, 0.25, -0.5, -0.375), -0.3, 0.18),
    "temples": Area((0.375, 0.5, -0.5, -0.125), -0.6, 0.27, mirrored=True),
    "beside the eyes": Area((0.5, 0.6875, -0.5, -0.0625), -0.4, 0.3, mirrored=True),
    "beside the mouth": Area((0.5, 0.6875, 0.0, 0.5), -0.4, 0.3, mirrored=True),
    "cheekbones": Area((0.375, 0.5, 0.0, 0.5), -0.5, 0.2, mirrored=True),
    "forehead": Area((-0.1875, 0.1875, -0.375, -0.1875), 0.1, 0.1),
    "jaws": Area((0.1875, 0.375, 0.3125, 0.5), -0.25, 0.2, mirrored=True),
    "chin": Area((-0.1875, 0.1875, 0.375, 0.5), 0.0, 0.15),
    "neck": Area((-0.1875, 0.1875, 0.5625, 0.75), -0.15, 0.2),
    "collar": Area((-0.25, 0.25, 0.8125, 1.125), -0.3, 0.2),
    "chest": Area((-0.3125, 0.3125, 1.125, 1.5), -0.3, 0.2),
    "belly": Area((-0.3125, 0.3125, 1.5, 2.0), -0.3, 0.2),
    "shoulders": Area((0.3125, 0.75, 0.9375, 1.3125), -0.3, 0.2, mirrored=True),
    "sleeves": Area((0.3125, 0.75, 1.3125, 1.875), -0.3, 0.2, mirrored=True),
}
"""Logarithm of the mean grey of each area over that of the face."""

TEXTURES: Final[dict[str, Area]] = {
    "hair": Area((-0.625, 0.625, -0.75, -0.25), -0.9, 0.25),
    "eyes and glasses": Area((-0.375, 0.375, -0.375, 0.0), -0.5, 0.2),
    "mouth and beard": Area((-0.3125, 0.3125, 0.0, 0.4375), -1.0, 0.25),
    "clothes": Area((-0.5, 0.5, 0.875, 2.0), -1.5, 0.3),
}
"""Logarithm of the mean gradient of each area."""

_SHARE_USUAL: Final = 0.4
_SHARE_SPREAD: Final = 0.1

LENGTH: Final = len(TONES) + len(TEXTURES) + _DIRECTIONS


def describe(grey: GreyPicture, box: Box) -> tuple[float, ...]:
    """Describe what a person looks like around the face.

    One unit is what a figure varies by on one person, with expression, light, a turn of the head
    and the place of the box, so that of two descriptions the root of the mean squared difference
    can be taken. All tones are logarithms of ratios to the face's own, so brighter light changes
    nothing. A figure of exactly 0 says that its area lies outside the frame.

    Args:
        grey: Grey frame, uint8, shape (height, width).
        box: Left, top, width, height of the square around the face, in pixels.

    Returns:
        23 figures from -9 to 9, rounded to thousandths: `TONES`, `TEXTURES`, and the shares of
        four directions in the texture of the clothes. Empty if the box does not touch the frame.
    """
    cells, seen = _grid(grey, box)
    inside = cells[_FACE & seen]
    if inside.size == 0:
        return ()
    tones = np.log((cells + _DARK_LEVEL) / (float(inside.mean()) + _DARK_LEVEL))
    strength, directions, inner = _slopes(tones)
    inner &= seen
    textures = np.log(_means(strength, inner, areas=_TEXTURE_AREAS) + _FLAT)
    shares = _shares(strength, directions, inner & _CLOTHES)
    figures = np.concatenate([_means(tones, seen, areas=_TONE_AREAS), textures, shares])
    return tuple(_figure(value) for value in ((figures - _USUAL) / _SPREAD).tolist())


def _grid(grey: GreyPicture, box: Box) -> tuple[Grid, Mask]:
    """Return the mean grey levels around a face, shape (48, 28), and which lie in the frame."""
    left, top, width, height = box
    side = max(width, height, 1)
    across = _Axis.of(left + width / 2, side, reach=(_REACH[0], _REACH[2]), pixels=grey.shape[1])
    down = _Axis.of(top + height / 2, side, reach=(_REACH[1], _REACH[3]), pixels=grey.shape[0])
    cells = np.zeros((_ROWS, _COLUMNS), dtype=np.float32)
    seen = np.logical_and.outer(down.seen, across.seen)
    if seen.any():
        step = max(1, side // _SAMPLES)
        part = grey[down.first : down.last : step, across.first : across.last : step]
        size = (int(across.seen.sum()), int(down.seen.sum()))
        cells[seen] = cv2.resize(part, size, interpolation=cv2.INTER_AREA).ravel()
    return cells, seen


@dataclass(frozen=True)
class _Axis:
    """Rows or columns of the grid: which of them lie in the frame, and the pixels these cover."""

    seen: Mask
    first: int
    last: int

    @classmethod
    def of(cls, centre: float, side: int, *, reach: tuple[float, float], pixels: int) -> "_Axis":
        start, end = centre + reach[0] * side, centre + reach[1] * side
        count = round((reach[1] - reach[0]) * CELLS)
        middles = start + (np.arange(count) + 0.5) * (end - start) / count
        first, last = max(0, round(start)), min(pixels, round(end))
        return cls((middles >= first) & (middles < last), first, last)


def _slopes(tones: Grid) -> tuple[Grid, npt.NDArray[np.intp], Mask]:
    """Return strength and direction (0 across .. 3) of the gradient, and where it is known."""
    across, down = np.zeros_like(tones), np.zeros_like(tones)
    across[:, 1:-1] = tones[:, 2:] - tones[:, :-2]
    down[1:-1] = tones[2:] - tones[:-2]
    angle = np.arctan2(down, across) / np.pi * _DIRECTIONS
    directions = np.rint(angle).astype(np.intp) % _DIRECTIONS
    inner = np.zeros(tones.shape, dtype=np.bool_)
    inner[1:-1, 1:-1] = True
    return np.hypot(across, down), directions, inner


def _means(values: Grid, seen: Mask, *, areas: Grid) -> Grid:
    """Return the mean of each area; not a number where less than half of it is seen.

    Args:
        values: shape (48, 28).
        seen: the same shape.
        areas: 1 inside and 0 outside of each, shape (areas, 48 * 28).
    """
    cells = areas @ seen.ravel().astype(np.float32)
    sums = areas @ np.where(seen, values, 0.0).ravel()
    enough = 2 * cells >= areas.sum(axis=1)
    return np.where(enough, sums / np.maximum(cells, 1.0), np.nan).astype(np.float32)


def _shares(strength: Grid, directions: npt.NDArray[np.intp], where: Mask) -> Grid:
    """Return the square root of each direction's share of the gradient, 0..1, shape (4,)."""
    if 2 * int(where.sum()) < int(_CLOTHES.sum()):
        return np.full(_DIRECTIONS, np.nan, dtype=np.float32)
    sums = np.bincount(directions[where], strength[where], _DIRECTIONS)
    even = _FLAT * int(where.sum())
    return np.sqrt(sums / (float(sums.sum()) + even)).astype(np.float32)


def _figure(value: float) -> float:
    """Round a figure; 0 is kept for what is not seen."""
    if math.isnan(value):
        return 0.0
    rounded = round(min(max(value, -_LIMIT), _LIMIT), 3)
    return rounded if rounded != 0 else _LEAST


def _mask(area: Area) -> Mask:
    mask = np.zeros((_ROWS, _COLUMNS), dtype=np.bool_)
    left, right, top, bottom = area.spans
    rows = slice(round((top - _REACH[1]) * CELLS), round((bottom - _REACH[1]) * CELLS))
    for start, end in [(left, right), *([(-right, -left)] if area.mirrored else [])]:
        mask[rows, round((start - _REACH[0]) * CELLS) : round((end - _REACH[0]) * CELLS)] = True
    return mask


def _masks(areas: dict[str, Area]) -> Grid:
    return np.stack([_mask(area).ravel() for area in areas.values()]).astype(np.float32)


_FACE: Final = _mask(Area((-0.375, 0.375, -0.375, 0.4375), 0.0, 1.0))
_CLOTHES: Final = _mask(TEXTURES["clothes"])
_TONE_AREAS: Final = _masks(TONES)
_TEXTURE_AREAS: Final = _masks(TEXTURES)
_AREAS: Final = [*TONES.values(), *TEXTURES.values()]
_USUAL: Final = np.array([*(area.usual for area in _AREAS), *[_SHARE_USUAL] * _DIRECTIONS])
_SPREAD: Final = np.array([*(area.spread for area in _AREAS), *[_SHARE_SPREAD] * _DIRECTIONS])
