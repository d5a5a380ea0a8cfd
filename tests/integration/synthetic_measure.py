"""Measure the synthetic camera's people before the detectors and models of the face service.

Run by hand, as it takes minutes:
`python tests/integration/synthetic_measure.py --judge MODEL_FOLDER --yunet FILE`. Each person shows
all seven emotions, each at another moment of a scene of their own. One JSON object on stdout.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from moodcue.taxonomy import EMOTIONS
from moodcue_camera.moods import Mood
from moodcue_camera.synthetic import SyntheticPeople
from moodcue_fer.detectors import FaceDetector, HaarDetector, YuNetDetector
from moodcue_fer.faces import GreyPicture, crop_face
from moodcue_fer.model import FerModel

MOOD_SECONDS = 61.0


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True, type=Path, help="model that did not guide")
    parser.add_argument("--yunet", required=True, type=Path, help="YuNet's ONNX file")
    parser.add_argument("--count", default=500, type=int, help="people for each emotion")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detectors: dict[str, FaceDetector] = {
        "haar": HaarDetector(),
        "yunet": YuNetDetector(options.yunet),
    }
    readers = {"served": FerModel(), "judge": FerModel(options.judge)}
    found: dict[str, list[bool]] = {name: [] for name in detectors}
    crops: dict[str, list[GreyPicture]] = {emotion: [] for emotion in EMOTIONS}
    for seed in range(options.count):
        for emotion, grey in zip(EMOTIONS, frames(seed), strict=True):
            faces = {name: one.detect(grey) for name, one in detectors.items()}
            for name, boxes in faces.items():
                found[name].append(len(boxes) == 1)
            if faces["haar"]:
                crops[emotion].append(crop_face(grey, faces["haar"][0].box))
    read: dict[str, dict[str, float]] = {name: {} for name in readers}
    for number, (emotion, seen) in enumerate(crops.items()):
        for name, reader in readers.items():
            answers = reader.read(np.stack(seen)).probabilities.argmax(axis=1)
            read[name][emotion] = int((answers == number).sum()) / options.count
    shares = {name: float(np.mean(hits)) for name, hits in found.items()}
    over_all = {name: float(np.mean(list(shares.values()))) for name, shares in read.items()}
    record = {"count": options.count, "found": shares, "read_as_meant": over_all, "each": read}
    sys.stdout.write(json.dumps(record) + "\n")
    return 0


def frames(seed: int) -> list[GreyPicture]:
    """Return somebody with each emotion, as the face service sees it, shape (480, 640) each."""
    camera = SyntheticPeople(tuple(Mood(name, MOOD_SECONDS) for name in EMOTIONS), seed=seed)
    middles = MOOD_SECONDS * (np.arange(len(EMOTIONS)) + 0.5)
    images = [np.asarray(camera.picture_at(float(seconds))) for seconds in middles]
    return [np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), np.uint8) for one in images]


if __name__ == "__main__":
    sys.exit(main())
