"""Drawn people before a drawn wall, for tests that go through pixels.

They are dolls: heads, hair, shoulders and clothes of the right size in plain tones and patterns.
What they are good for is that the truth is known; how real people differ they cannot say.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]

PATTERNS = ("plain", "plain", "rows", "columns", "checks")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What tells a drawn person from others; tones are grey levels.

    Attributes:
        skin: tone of the face.
        hair: tone of the hair.
        length: how far the hair falls, from the centre of the face in sides of its box.
        width: half the width of the hair in the same unit.
        beard: tone of the beard, none for no beard.
        glasses: whether there are any.
        clothes: two tones, of the cloth and of its pattern.
        pattern: one of `PATTERNS`.
        stripe: width of the pattern's stripes in sides of the box.
        collar: tone of what shows at the neck.
        face: a picture of a real face instead of a drawn one, uint8, shape (48, 48).
    """

    skin: int
    hair: int
    length: float
    width: float
    beard: int | None
    glasses: bool
    clothes: tuple[int, int]
    pattern: str
    stripe: float
    collar: int
    face: Pixels | None = None


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a person is in a picture and how they hold themselves.

    Attributes:
        x: column of the centre of the face.
        y: its row.
        side: side of the face's box in pixels.
        turn: of the head, -1 (to the left) to 1; 0.5 is about 30 degrees.
        tilt: of the head, in degrees.
        smile: 0 to 1.
    """

    x: float
    y: float
    side: float
    turn: float = 0.0
    tilt: float = 0.0
    smile: float = 0.0


def draw_looks(chance: random.Random, *, face: Pixels | None = None) -> Looks:
    """Draw what a person looks like; with a real face, its skin decides the tone."""
    skin = chance.randint(90, 215) if face is None else int(face[18:42, 12:36].mean())
    cloth = chance.randint(15, 235)
    return Looks(
        skin=skin,
        hair=chance.choice(
            [chance.randint(12, 70), chance.randint(12, 70), chance.randint(90, 220)]
        ),
        length=chance.choice([-0.1, -0.1, 0.3, 0.8, 1.0]),
        width=chance.uniform(0.46, 0.62),
        beard=chance.randint(20, 90) if face is None and chance.random() < 0.3 else None,
        glasses=face is None and chance.random() < 0.3,
        clothes=(cloth, min(255, max(5, cloth + chance.choice([-1, 1]) * chance.randint(40, 120)))),
        pattern=chance.choice(PATTERNS),
        stripe=chance.uniform(0.1, 0.25),
        collar=chance.choice([cloth, skin, chance.randint(15, 235)]),
        face=face,
    )


def wall(chance: random.Random, *, width: int = 640, height: int = 480) -> Pixels:
    """Paint a wall that is lighter on one side, with some furniture before it."""
    ramp = np.linspace(chance.randint(60, 190), chance.randint(60, 190), width)
    picture = np.repeat(ramp[np.newaxis], height, axis=0)
    for _ in range(6):
        left, top = chance.randrange(width), chance.randrange(height)
        right, bottom = left + chance.randint(30, 200), top + chance.randint(30, 250)
        picture[top:bottom, left:right] = chance.randint(20, 230)
    return picture.astype(np.uint8)


def paint(background: Pixels, people: Sequence[tuple[Looks, Pose]]) -> Pixels:
    """Paint people before a background, the farthest (smallest) first."""
    picture = background.copy()
    for looks, pose in sorted(people, key=lambda each: each[1].side):
        _paint_clothes(picture, looks, pose)
        _paint_head(picture, looks, pose)
    return picture


def lit(picture: Pixels, chance: random.Random, *, gain: float = 1.0, noise: float = 2.0) -> Pixels:
    """Return a picture as a camera sees it in another light, with noise in grey levels."""
    grain = np.zeros(picture.shape, dtype=np.int16)
    cv2.setRNGSeed(chance.randrange(2**31))
    cv2.randn(grain, np.zeros(1), np.full(1, noise))
    dimmed = cv2.convertScaleAbs(picture, alpha=gain)
    return np.asarray(cv2.add(dimmed, grain, dtype=cv2.CV_8U), dtype=np.uint8)


def _paint_clothes(picture: Pixels, looks: Looks, pose: Pose) -> None:
    side = pose.side
    outline = [(-0.3, 0.7), (-0.95, 0.95), (-1.1, 4.0), (1.1, 4.0), (0.95, 0.95), (0.3, 0.7)]
    mask = np.zeros(picture.shape, dtype=np.uint8)
    cv2.fillPoly(mask, [_points(outline, pose)], 255)
    height, width = picture.shape
    across = np.floor((np.arange(width) - pose.x) / side / looks.stripe)[np.newaxis] % 2 == 0
    down = np.floor((np.arange(height) - pose.y) / side / looks.stripe)[:, np.newaxis] % 2 == 0
    light = {"plain": True, "rows": down, "columns": across, "checks": across ^ down}
    cloth = np.where(light[looks.pattern], *looks.clothes).astype(np.uint8)
    np.copyto(picture, np.broadcast_to(cloth, picture.shape), where=mask > 0)
    neck = [(-0.22, 0.3), (0.22, 0.3), (0.22, 0.75), (-0.22, 0.75)]
    cv2.fillPoly(picture, [_points([(-0.25, 0.7), (0.25, 0.7), (0.0, 1.15)], pose)], looks.collar)
    cv2.fillPoly(picture, [_points(neck, pose)], looks.skin * 0.8)


def _paint_head(picture: Pixels, looks: Looks, pose: Pose) -> None:
    behind = (0.0, -0.12)
    _ellipse(picture, behind, (looks.width, 0.68), looks.hair, pose)
    if looks.length > 0:
        for sign in (-1, 1):
            strand = [
                (0.3, -0.2),
                (looks.width, -0.2),
                (looks.width, looks.length),
                (0.36, looks.length),
            ]
            cv2.fillPoly(picture, [_points([(sign * x, y) for x, y in strand], pose)], looks.hair)
    if looks.face is not None:
        _paste_face(picture, looks.face, pose)
    else:
        _draw_face(picture, looks, pose)
    fringe = [
        (-0.4, -0.2),
        (-0.3, -0.38),
        (0.3, -0.4),
        (0.4, -0.2),
        (0.44, -0.5),
        (0.2, -0.75),
        (-0.2, -0.75),
        (-0.44, -0.5),
    ]
    cv2.fillPoly(picture, [_points(fringe, pose)], looks.hair)


def _draw_face(picture: Pixels, looks: Looks, pose: Pose) -> None:
    shift = 0.22 * pose.turn
    _ellipse(picture, (0.0, 0.02), (0.41, 0.55), looks.skin, pose)
    shade = [(0.1, -0.4), (0.39, -0.1), (0.36, 0.25), (0.12, 0.5)]
    cv2.fillPoly(picture, [_points([(x + shift, y) for x, y in shade], pose)], looks.skin * 0.9)
    if looks.beard is not None:
        _ellipse(picture, (shift / 2, 0.36), (0.3, 0.2), looks.beard, pose)
    for x in (-0.18, 0.18):
        place = (x * (1 - 0.3 * abs(pose.turn)) + shift, -0.1)
        if looks.glasses:
            _ellipse(picture, place, (0.14, 0.11), looks.skin * 0.35, pose)
            _ellipse(picture, place, (0.11, 0.08), looks.skin * 0.95, pose)
        _ellipse(picture, place, (0.07, 0.035), looks.skin * 0.3, pose)
        _ellipse(picture, (place[0], -0.22), (0.1, 0.025), looks.skin * 0.4, pose)
    _ellipse(picture, (shift * 1.3, 0.1), (0.06, 0.08), looks.skin * 0.8, pose)
    mouth = (0.12 + 0.08 * pose.smile, 0.03 + 0.06 * pose.smile)
    _ellipse(picture, (shift, 0.3), mouth, looks.skin * 0.45, pose)


def _paste_face(picture: Pixels, face: Pixels, pose: Pose) -> None:
    """Lay a real face over the head, its middle cut out as an ellipse."""
    turned = 1 - 0.25 * abs(pose.turn)
    middle = (face.shape[0] - 1) / 2
    turn = np.array(
        cv2.getRotationMatrix2D((middle, middle), -pose.tilt, pose.side / face.shape[0])
    )
    turn[0] *= turned
    turn[:, 2] += np.array([pose.x, pose.y]) - turn @ np.array([middle, middle, 1.0])
    size = (picture.shape[1], picture.shape[0])
    laid = cv2.warpAffine(face, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(picture.shape, dtype=np.uint8)
    _ellipse(mask, (0.0, 0.02), (0.41 * turned, 0.55), 255, pose)
    picture[mask > 0] = laid[mask > 0]


def _points(shape: Sequence[Point], pose: Pose) -> npt.NDArray[np.int32]:
    """Place points given in sides of the face's box."""
    places = [(pose.x + x * pose.side, pose.y + y * pose.side) for x, y in shape]
    return np.rint(places).astype(np.int32)


def _ellipse(picture: Pixels, place: Point, axes: Point, tone: float, pose: Pose) -> None:
    turn = np.deg2rad(pose.tilt)
    x = place[0] * np.cos(turn) - place[1] * np.sin(turn)
    y = place[0] * np.sin(turn) + place[1] * np.cos(turn)
    ((column, row),) = _points([(x, y)], pose)
    half = (max(1, round(axes[0] * pose.side)), max(1, round(axes[1] * pose.side)))
    cv2.ellipse(picture, (int(column), int(row)), half, pose.tilt, 0, 360, float(tone), -1)
