"""What surrounds people: how they move, the light on them, and the background behind them.

Everything is a function of media time and of a seed, so that a scene can be shown again exactly.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from moodcue_camera.sources import Image

WIDTH, HEIGHT = 640, 480

_SCALES = (0.86, 0.62, 0.5)
"""Size of the figures when there are one, two or three of them."""

_FACE_ROWS = (205.0, 225.0, 235.0)
"""Where the middle of their faces is, on average."""

_GRAIN = 2.5
"""Standard deviation of a sensor's noise in grey levels."""

_BLOBS = 6
_BACKGROUND_SCALE = 8
_HALF_GREY = 127.5


class Wave:
    """A slow, smooth movement between -1 and 1: two sines of unrelated periods.

    Args:
        chance: draws the phases.
        period_seconds: of the slower sine.
    """

    def __init__(self, chance: np.random.Generator, *, period_seconds: float) -> None:
        self._period = period_seconds
        self._phases = chance.uniform(0, math.tau, 2)

    def at(self, seconds: float) -> float:
        """Return the value at a media time."""
        turn = math.tau * seconds / self._period
        golden = (1 + math.sqrt(5)) / 2
        slow, fast = self._phases
        return 0.6 * math.sin(turn + slow) + 0.4 * math.sin(golden * turn + fast)


class Movement:
    """How one person moves.

    Args:
        chance: draws the phases.
        place: middle of the person's face, on average: column and row.
        scale: size of the person, on average.
    """

    def __init__(
        self, chance: np.random.Generator, *, place: tuple[float, float], scale: float
    ) -> None:
        self._across = Wave(chance, period_seconds=11)
        self._down = Wave(chance, period_seconds=9)
        self._nearness = Wave(chance, period_seconds=23)
        self._tilt = Wave(chance, period_seconds=13)
        self._place, self._scale = place, scale

    def at(self, seconds: float, *, face_centre: tuple[float, float]) -> npt.NDArray[np.float64]:
        """Return the 2x3 matrix from pixels of the person to pixels of the picture."""
        size = self._scale
        scale = size * (1 + 0.08 * self._nearness.at(seconds))
        matrix = cv2.getRotationMatrix2D(face_centre, 4 * self._tilt.at(seconds), scale)
        matrix[0, 2] += self._place[0] + 52 * size * self._across.at(seconds) - face_centre[0]
        matrix[1, 2] += self._place[1] + 16 * size * self._down.at(seconds) - face_centre[1]
        return np.asarray(matrix, np.float64)


class Scene:
    """Puts cut-out people before a background, moved and lit.

    Args:
        seed: chooses the motion, the light and the background.
        people: how many there are, 1 to 3.
    """

    def __init__(self, *, seed: int, people: int = 1) -> None:
        chance = np.random.default_rng(seed)
        self._brightness = Wave(chance, period_seconds=17)
        self._side_light = Wave(chance, period_seconds=29)
        self._warmth = Wave(chance, period_seconds=37)
        self._blobs = [
            (Wave(chance, period_seconds=31 + 5 * k), Wave(chance, period_seconds=27 + 7 * k))
            for k in range(_BLOBS)
        ]
        self._colours = chance.uniform(40, 190, (_BLOBS, 3)).astype(np.float32)
        self._movements = [
            Movement(
                chance,
                place=(WIDTH * (number + 0.5) / people, _FACE_ROWS[people - 1]),
                scale=_SCALES[people - 1],
            )
            for number in range(people)
        ]
        grain = chance.normal(0, _GRAIN, (2 * HEIGHT, 2 * WIDTH)).round()
        self._grain = grain.astype(np.int8)

    def compose(
        self,
        people: Sequence[tuple[Image, npt.NDArray[np.float32]]],
        *,
        face_centre: tuple[float, float],
        seconds: float,
    ) -> Image:
        """Return the picture of a media time.

        Args:
            people: for each its picture, BGR, shape (height, width, 3), and the share of the
                person in each of its pixels, 0 to 1, shape (height, width).
            face_centre: middle of the face in pixels of each of them.
            seconds: media time.

        Returns:
            BGR, shape (480, 640, 3).
        """
        picture = self._background(seconds)
        size = (WIDTH, HEIGHT)
        for (person, outline), movement in zip(people, self._movements, strict=True):
            matrix = movement.at(seconds, face_centre=face_centre)
            moved = cv2.warpAffine(person, matrix, size, flags=cv2.INTER_LINEAR)
            share = cv2.warpAffine(outline, matrix, size, flags=cv2.INTER_LINEAR)[..., np.newaxis]
            picture += share * (moved - picture)
        picture *= self._light(seconds)
        picture += self._grain_at(seconds)
        return np.asarray(np.clip(picture, 0, 255), np.uint8)

    def _grain_at(self, seconds: float) -> npt.NDArray[np.int8]:
        """Return a piece of the noise, another one for each moment, shape (480, 640, 1)."""
        moment = round(seconds * 1000)
        top, left = (moment * 7919) % HEIGHT, (moment * 104729) % WIDTH
        return self._grain[top : top + HEIGHT, left : left + WIDTH, np.newaxis]

    def _background(self, seconds: float) -> npt.NDArray[np.float32]:
        """Return drifting patches of colour, float32, shape (480, 640, 3)."""
        height, width = HEIGHT // _BACKGROUND_SCALE, WIDTH // _BACKGROUND_SCALE
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        weights = np.full((height, width, 1), 0.15, np.float32)
        colours = np.full((height, width, 3), 0.15 * _HALF_GREY, np.float32)
        for (across, down), colour in zip(self._blobs, self._colours, strict=True):
            x = width * (0.5 + 0.6 * across.at(seconds))
            y = height * (0.5 + 0.6 * down.at(seconds))
            squared = (columns - x) ** 2 + (rows - y) ** 2
            near = np.exp(-squared / (2 * (0.25 * width) ** 2))[..., np.newaxis]
            weights += near
            colours += near * colour
        small = colours / weights
        return np.asarray(
            cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32
        )

    def _light(self, seconds: float) -> npt.NDArray[np.float32]:
        """Return the gain of each pixel and channel, shape (1, 640, 3)."""
        across = np.linspace(-1, 1, WIDTH, dtype=np.float32)
        gain = 0.9 + 0.15 * self._brightness.at(seconds)
        sided = gain * (1 + 0.2 * self._side_light.at(seconds) * across)
        warmth = 0.06 * self._warmth.at(seconds)
        tint = np.array([1 - warmth, 1, 1 + warmth], np.float32)
        return np.asarray(sided[np.newaxis, :, np.newaxis] * tint, np.float32)
