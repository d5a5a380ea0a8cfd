"""Scenes through pixels: people are painted, found by the real detector and really described."""

import random
from pathlib import Path

import cv2
import cv2.data
import numpy as np
from aggregator_people import Looks, Pixels, Pose, draw_looks, lit, paint, wall
from aggregator_scenes import HEIGHT, WIDTH, Place, Scene, Script, event_of, where
from skimage import data

from moodcue.events import Box, Face
from moodcue_fer.appearance import describe
from moodcue_fer.faces import crop_whole

_CASCADE = "haarcascade_frontalface_default.xml"
_ASTRONAUT = (174, 64, 98)
_READ = (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)
_SAME_PLACE = 0.5
"""Distance in face sizes up to which a detection is that of a person painted there."""


def astronaut_face() -> Pixels:
    """Cut the face out of scikit-image's portrait, uint8, shape (48, 48)."""
    portrait = data.astronaut()  # type: ignore[no-untyped-call]  # it has no types
    grey = np.asarray(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    left, top, side = _ASTRONAUT
    return crop_whole(grey[top : top + side, left : left + side])


def cast(names: list[str], *, seed: int, faces: list[Pixels] | None = None) -> dict[str, Looks]:
    """Draw people; real faces for the first of them, as many as there are."""
    chance = random.Random(seed)
    real = [*(faces or []), *[None] * len(names)]
    return {name: draw_looks(chance, face=face) for name, face in zip(names, real, strict=False)}


def perform(script: Script, looks: dict[str, Looks], *, seed: int) -> Scene:
    """Paint every frame of a scene and return what the detector and the description make of it."""
    chance = random.Random(seed)
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / _CASCADE))
    room = wall(chance, width=WIDTH, height=HEIGHT)
    scene: Scene = []
    for number in range(round(script.seconds * script.rate)):
        time = number / script.rate
        places = {
            name: place
            for name, steps in script.people.items()
            if (place := where(steps, time)) is not None
        }
        poses = {name: _pose(place, chance) for name, place in places.items()}
        gain = 0.55 if script.light is not None and time > script.light else 1.0
        painted = paint(room, [(looks[name], pose) for name, pose in poses.items()])
        picture = lit(painted, chance, gain=gain)
        boxes = _find(picture, cascade)
        faces = [_face(picture, box) for box in boxes]
        names = tuple(_who(box, places) for box in boxes)
        scene.append((event_of(number, time, script.rate, faces), names))
    return scene


def _pose(place: Place, chance: random.Random) -> Pose:
    x, y, side = place
    return Pose(
        x=x + chance.gauss(0, 0.02 * side),
        y=y + chance.gauss(0, 0.02 * side),
        side=side,
        turn=chance.gauss(0, 0.15),
        tilt=chance.gauss(0, 3),
        smile=chance.random(),
    )


def _find(picture: Pixels, cascade: cv2.CascadeClassifier) -> list[Box]:
    """Find faces in a picture of half the size, as the worker does it."""
    small = cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    found = cascade.detectMultiScale(small, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24))
    return [(2 * int(x), 2 * int(y), 2 * int(w), 2 * int(h)) for x, y, w, h in found]


def _face(picture: Pixels, box: Box) -> Face:
    return Face(box=box, score=0.8, probabilities=_READ, appearance=describe(picture, box))


def _who(box: Box, places: dict[str, Place]) -> str:
    """Return who was found: the nearest (largest) of those who were painted there."""
    left, top, side, _ = box
    there = [
        (place[2], name)
        for name, place in places.items()
        if abs(left + side / 2 - place[0]) < _SAME_PLACE * place[2]
        and abs(top + side / 2 - place[1]) < _SAME_PLACE * place[2]
        and side < 2 * place[2]
    ]
    return max(there)[1] if there else ""
