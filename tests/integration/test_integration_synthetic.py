"""The synthetic camera before the eyes of the face-emotion service."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from moodcue.taxonomy import EMOTIONS
from moodcue_camera import generator as camera_generator
from moodcue_camera.moods import TRANSITION_SECONDS, parse_moods
from moodcue_camera.synthetic import SyntheticPeople
from moodcue_fer import generator as fer_generator
from moodcue_fer.detectors import HaarDetector
from moodcue_fer.faces import crop_face
from moodcue_fer.generator import draw_person, pure
from moodcue_fer.model import FerModel

GENERATOR: Path = camera_generator.SHIPPED_GENERATOR
STEP_SECONDS = 0.7


def read(camera: SyntheticPeople, seconds: float, *, model: FerModel) -> str | None:
    image = camera.picture_at(seconds)
    assert image is not None
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    faces = HaarDetector().detect(grey)
    if not faces:
        return None
    crop = crop_face(grey, faces[0].box)
    return EMOTIONS[int(model.read(crop[np.newaxis]).probabilities[0].argmax())]


@pytest.mark.parametrize("script", ["sad 20 s -> happy 20 s", "surprise 20, neutral 20"])
def test_the_served_model_reads_what_the_script_says_in_nearly_every_picture(script: str) -> None:
    moods = parse_moods(script)
    camera, model = SyntheticPeople(moods, seed=0), FerModel()
    right = []
    for number, mood in enumerate(moods):
        held = np.arange(TRANSITION_SECONDS, mood.seconds, STEP_SECONDS) + 20 * number
        right += [read(camera, float(at), model=model) == mood.expression for at in held]
    assert np.mean(right) >= 0.95


def test_camera_and_measurements_draw_the_same_people() -> None:
    """OpenCV draws for the camera, ONNX Runtime for the measurements."""
    assert camera_generator.DESCRIPTION == fer_generator.DESCRIPTION
    shown, measured = (
        camera_generator.FaceGenerator(GENERATOR),
        fer_generator.FaceGenerator(GENERATOR),
    )
    for seed, name in enumerate(EMOTIONS):
        person = camera_generator.draw_person(seed)
        np.testing.assert_array_equal(person, draw_person(seed))
        one, other = shown.face(person, pure(name)), measured.face(person, pure(name))
        np.testing.assert_allclose(one, other, atol=1e-4)
