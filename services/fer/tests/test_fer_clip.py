"""What the shipped model says over a real clip of one woman who is sad, then happy."""

from pathlib import Path

import cv2
import numpy as np

from moodcue.taxonomy import dominant_emotion
from moodcue_fer.app import build_analyser
from moodcue_fer.settings import FerSettings

STEP = 5
"""Every fifth of 24 frames a second."""


def test_the_clip_is_led_by_sadness_first_and_by_happiness_at_its_end(shared_data: Path) -> None:
    analyser = build_analyser(FerSettings())
    video = cv2.VideoCapture(str(shared_data / "clips" / "sad_to_happy.mp4"))
    readings: list[tuple[float, tuple[float, ...]]] = []
    number = 0
    while video.grab():
        if number % STEP == 0:
            _, picture = video.retrieve()
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
            faces = analyser.analyse(grey).faces
            readings += [
                (number / 24, face.probabilities) for face in faces[:1] if face.probabilities
            ]
        number += 1
    video.release()
    assert len(readings) >= 0.95 * number / STEP
    first = np.mean([row for time, row in readings if time < 9], axis=0)
    last = np.mean([row for time, row in readings if time >= 12], axis=0)
    assert dominant_emotion(first.tolist()) == "sadness"
    assert dominant_emotion(last.tolist()) == "happiness"
    assert max(last) > 0.8
