"""A person around a generated face: head, hair, neck and shoulders, drawn by simple shapes."""

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue_camera.generator import FRAME, SIZE, FaceGenerator, GreyFace, draw_person
from moodcue_camera.looks import Looks, draw_looks
from moodcue_camera.sources import Image

Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT = 512, 600
"""Size of a figure in pixels."""

SCALE: Final = 4
"""Pixels of the figure for one pixel of the face."""

_SIDE = SIZE * SCALE
_LEFT, _TOP = (WIDTH - _SIDE) // 2, 92

FACE_CENTRE: Final = (
    _LEFT + (FRAME[0] + FRAME[2] / 2) * SCALE,
    _TOP + (FRAME[1] + FRAME[2] / 2) * SCALE,
)
"""Middle of what a detector calls the face, in pixels of the figure."""

_FACE_OVAL = (31.5, 32.5, 21.0, 27.5)
"""Middle and half axes, in pixels of the face, within which the face is the generator's."""

_OVAL_SOFTNESS = 0.11
_DEVIATION = 0.29
_GAINS = (0.8, 1.6)
"""Standard deviation of a neutral face within its oval, in the generator's units, that everybody
is brought to, and the least and the most by which that is done."""

_BRIGHTNESS, _CONTRAST = 0.56, 0.5
"""Mean of a face's pixels, 0..1, and how much 1 of the generator's units adds."""

_LIT = 0.74
"""Grey level, 0..1, of skin in the light."""

_GAMMAS = (1.25, 1.1, 0.95)
"""Shadows on skin are warmer than its lit parts: exponents for blue, green and red."""

_RING = (0.35, 0.75)
"""Shares of the generator between which a pixel is on the border of its oval."""

_STRANDS = 0.09
_OUTLINE_SOFTNESS_PIXELS = 2.0


class Figure:
    """A person who does not exist, in any mixture of emotions.

    Args:
        generator: Draws the face.
        seed: Chooses the person.

    Attributes:
        outline: Share of the person in each pixel, 0..1, shape (600, 512).
    """

    def __init__(self, generator: FaceGenerator, *, seed: int) -> None:
        self._generator = generator
        self._person = draw_person(seed)
        looks = draw_looks(seed)
        self._colours = skin_colours(looks)
        neutral = np.array([0, 0, 0, 0, 0, 0, 1], np.float32)
        self._share = _face_share()[..., np.newaxis]
        face = self._generator.face(self._person, neutral)
        self._exposure = expose(face)
        body, self.outline = draw_body(
            looks, self._enlarged(face), colours=self._colours, seed=seed
        )
        self._body = body
        self._around = body[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE] * (1 - self._share)
        self._shown: tuple[tuple[float, ...], Image] | None = None

    def showing(self, emotion: Sequence[float]) -> Image:
        """Return the figure, BGR, shape (600, 512, 3).

        Args:
            emotion: Shares of the seven in the order of `EMOTIONS`, sum 1.
        """
        asked = tuple(emotion)
        # A mood is held for seconds: most pictures show the same face as the one before.
        if self._shown is not None and self._shown[0] == asked:
            return self._shown[1]
        face = self._generator.face(self._person, np.array(asked, np.float32))
        coloured = self._colours[self._enlarged(face)].astype(np.float32)
        picture = self._body.astype(np.uint8)
        picture[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE] = (
            self._around + self._share * coloured
        ).astype(np.uint8)
        self._shown = (asked, picture)
        return picture

    def _enlarged(self, face: GreyFace) -> npt.NDArray[np.uint8]:
        mean, gain = self._exposure
        return enlarge(gain * (face - mean))


def expose(face: GreyFace) -> tuple[float, float]:
    """Return the mean of a face within its oval, and by what to multiply it for its contrast."""
    share = cv2.resize(_face_share(), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    inside = face[share > 0.5]  # noqa: PLR2004 - mostly the generator's
    gain = float(np.clip(_DEVIATION / max(float(inside.std()), 1e-3), *_GAINS))
    return float(inside.mean()), gain


def enlarge(face: GreyFace) -> npt.NDArray[np.uint8]:
    """Return a face as grey levels, four times as large and a little sharper, (256, 256)."""
    large = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), 1.5 * SCALE)
    sharp = large + 0.2 * (large - soft)
    return np.asarray(np.clip(255 * (_BRIGHTNESS + _CONTRAST * sharp), 0, 255), np.uint8)


def skin_colours(looks: Looks) -> npt.NDArray[np.uint8]:
    """Return the colour of each grey level of a face, BGR, shape (256, 3)."""
    grey = np.linspace(0, 1, 256, dtype=np.float32)[:, np.newaxis] / _LIT
    tones = np.array(looks.skin, np.float32) * grey ** np.array(_GAMMAS, np.float32)
    return np.asarray(np.clip(tones, 0, 255), np.uint8)


def draw_body(
    looks: Looks, grey: npt.NDArray[np.uint8], *, colours: npt.NDArray[np.uint8], seed: int
) -> tuple[Floats, Floats]:
    """Draw all but the face.

    Args:
        looks: Of the person.
        grey: The enlarged neutral face, which the neck takes its tone from, shape (256, 256).
        colours: Of the grey levels of the skin.
        seed: Of the strands of hair.

    Returns:
        BGR, float32, shape (600, 512, 3), and the share of the person in each pixel, 0..1,
        shape (600, 512).
    """
    skin = colours[_chin_level(grey)].astype(np.float32)
    cheek = colours[int(np.median(grey[_SIDE // 3 : _SIDE * 3 // 4, _SIDE // 3 : _SIDE * 2 // 3]))]
    strands = _strands(seed)
    hair_colour = np.array(looks.hair, np.float32) * (0.9 + 0.2 * looks.hair_volume)
    hair = hair_colour * (1 + _STRANDS * strands[..., np.newaxis])
    # What is beyond the outline shows a little at its soft border: more of the same.
    upper = _downward(1.0, 0.0, start=_TOP + 66 * SCALE, end=_TOP + 72 * SCALE)
    picture = upper * 0.8 * hair + (1 - upper) * np.array(looks.clothes, np.float32)
    whole = np.zeros((HEIGHT, WIDTH), np.float32)
    shade = _downward(0.75, 1.0)
    for share, colour in (
        (_hair_behind(looks), 0.8 * hair),
        (_shoulders(), np.array(looks.clothes, np.float32) * shade),
        (_neck(), 0.74 * cheek.astype(np.float32) * _round_shade()),
        (_head(), 0.5 * (skin + cheek) * _round_shade()),
        (_hair_above(looks), hair),
    ):
        picture = picture * (1 - share[..., np.newaxis]) + share[..., np.newaxis] * colour
        whole = np.maximum(whole, share)
    return np.asarray(np.clip(picture, 0, 255), np.float32), whole


def _chin_level(grey: npt.NDArray[np.uint8]) -> int:
    """Return the median grey level along the lower border of the face's oval."""
    share = _face_share()
    ring = (share > _RING[0]) & (share < _RING[1])
    ring[: _SIDE * 2 // 3] = False
    return int(np.median(grey[ring]))


def _face_share() -> Floats:
    """Return how much of each pixel is the generator's, 0..1, shape (256, 256)."""
    x, y, half_width, half_height = _FACE_OVAL
    rows, columns = (np.mgrid[:_SIDE, :_SIDE].astype(np.float32) + 0.5) / SCALE - 0.5
    far = np.sqrt(((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2)
    return np.asarray(np.clip(0.5 + (1 - far) / (2 * _OVAL_SOFTNESS), 0, 1), np.float32)


def _ellipse(centre: tuple[float, float], axes: tuple[float, float], *, softness: float) -> Floats:
    """Return an ellipse, 0..1, shape (600, 512).

    Args:
        centre: Column and row in pixels of the face.
        axes: Half axes in pixels of the face.
        softness: Standard deviation of its border in pixels of the figure.
    """
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    x, y = _LEFT + centre[0] * SCALE, _TOP + centre[1] * SCALE
    size = (round(axes[0] * SCALE), round(axes[1] * SCALE))
    cv2.ellipse(mask, (round(x), round(y)), size, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.float32)


def _head() -> Floats:
    return _ellipse((31.5, 32.5), (22.0, 28.0), softness=_OUTLINE_SOFTNESS_PIXELS)


def _hair_above(looks: Looks) -> Floats:
    """Return the hair on top, which leaves the face free."""
    volume = looks.hair_volume
    cap = _ellipse((31.5, 26.0), (24.5 + 2 * volume, 29.0 + 3 * volume), softness=3)
    face = _ellipse((31.5, 34.0 + 3 * looks.fringe), (21.5, 30.5), softness=5)
    below = _downward(1.0, 0.0, start=_TOP + 30 * SCALE, end=_TOP + 46 * SCALE)[..., 0]
    return cap * (1 - face) * below


def _hair_behind(looks: Looks) -> Floats:
    volume, length = 3 * looks.hair_volume, 30 * looks.hair_length
    top = _ellipse((31.5, 28.0), (24.0 + volume, 30.0 + volume), softness=3)
    if length < 8:  # noqa: PLR2004 - pixels; shorter hair does not show below the head
        return top
    hanging = _ellipse((31.5, 34.0 + length / 2), (24.5 + volume, 26.0 + length / 2), softness=4)
    return np.maximum(top, hanging)


def _neck() -> Floats:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    middle = _LEFT + 31.5 * SCALE
    top, bottom = _TOP + 46 * SCALE, _TOP + 74 * SCALE
    corners = [(middle - 54, top), (middle + 54, top), (middle + 62, bottom), (middle - 62, bottom)]
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 1.0, cv2.LINE_AA)
    collar = _ellipse((31.5, 73.0), (16.0, 8.0), softness=2)
    return np.asarray(np.maximum(cv2.GaussianBlur(mask, (0, 0), 3), collar), np.float32)


def _shoulders() -> Floats:
    return np.maximum(
        _ellipse((31.5, 113.0), (58.0, 43.0), softness=2),
        _ellipse((31.5, 84.0), (25.0, 18.0), softness=4),
    )


def _downward(first: float, last: float, *, start: float = 0, end: float = HEIGHT) -> Floats:
    """Return a value that goes from one to another from row to row, shape (600, 512, 1)."""
    progress = np.clip((np.arange(HEIGHT, dtype=np.float32) - start) / (end - start), 0, 1)
    column = first + (last - first) * progress
    return np.asarray(np.repeat(column[:, np.newaxis], WIDTH, axis=1), np.float32)[..., np.newaxis]


def _round_shade() -> Floats:
    """Return the light on something round, darker to the sides, shape (600, 512, 1)."""
    columns = (np.arange(WIDTH, dtype=np.float32) - FACE_CENTRE[0]) / (24.0 * SCALE)
    shade = 1 - 0.35 * np.clip(np.abs(columns), 0, 1) ** 2.5
    return np.asarray(np.repeat(shade[np.newaxis], HEIGHT, axis=0), np.float32)[..., np.newaxis]


def _strands(seed: int) -> Floats:
    """Return strands that run down from the crown, about -1..1, shape (600, 512)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    x, y = FACE_CENTRE[0], float(_TOP)
    angle = np.arctan2(columns - x, rows - y + 120)
    noise = np.random.default_rng([seed, 2]).standard_normal(512).astype(np.float32)
    lines = np.convolve(noise, np.ones(5, np.float32) / math.sqrt(5), mode="same")
    places = (angle / math.pi + 1) / 2 * (len(lines) - 1)
    return np.asarray(np.interp(places, np.arange(len(lines)), lines), np.float32)
