"""Real and drawn pictures for the tests of the face-emotion service."""

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from moodcue.taxonomy import EMOTIONS

ASTRONAUT_FACE = (224, 114)
"""Column and row of the nose in scikit-image's portrait of Eileen Collins (NASA)."""

Pixels = npt.NDArray[np.uint8]

FER2013_NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def astronaut() -> Pixels:
    """The portrait as BGR pixels, shape (512, 512, 3)."""
    portrait = data.astronaut()  # type: ignore[no-untyped-call]  # it has no types
    return np.asarray(cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def grey_astronaut() -> Pixels:
    """The portrait as grey pixels, shape (512, 512)."""
    return np.asarray(cv2.cvtColor(astronaut(), cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def jpeg(picture: Pixels) -> bytes:
    """Encode pixels as JPEG."""
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def clip_frames(clip: Path, *, every: int) -> list[Pixels]:
    """Every so manieth frame of a video as grey pixels, shape (height, width)."""
    video = cv2.VideoCapture(str(clip))
    frames = []
    there, picture = video.read()
    while there:
        frames.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8))
        for _ in range(every):
            there, picture = video.read()
    video.release()
    return frames


def drawn_faces(count: int, *, seed: int) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Seven kinds of noisy stripes that a network can learn: crops and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % len(EMOTIONS)
    columns = np.arange(48)
    stripes = 128 + 80 * np.sin(2 * np.pi * columns * (labels[:, np.newaxis] + 1) / 48)
    noise = random.normal(0, 10, (count, 48, 48))
    return np.clip(stripes[:, :, np.newaxis] + noise, 0, 255).astype(np.uint8), labels


def write_fer2013(folder: Path, *, training: int, test: int, seed: int = 3) -> Path:
    """Write drawn faces in the form of FER2013 and return their folder, made if it is not there.

    The last training picture is a test picture.
    """
    folder.mkdir(exist_ok=True)
    crops, labels = drawn_faces(training + test, seed=seed)
    crops[training - 1], labels[training - 1] = crops[training], labels[training]
    sheet = np.zeros((64 * 48, 64 * 48), dtype=np.uint8)
    for place, crop in enumerate(crops):
        row, column = divmod(place, 64)
        sheet[row * 48 : row * 48 + 48, column * 48 : column * 48 + 48] = crop
    cv2.imwrite(str(folder / "sheet_00.png"), sheet)
    votes = [f"fp_{name}" for name in (*EMOTIONS, "contempt", "unknown", "nf")]
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(
            table, ["index", "usage", "fer2013_label", "duplicate_group", *votes]
        )
        writer.writeheader()
        for place, label in enumerate(labels):
            group = training if place == training - 1 else place
            row_ = dict.fromkeys(votes, "0") | {votes[label]: "10"}
            usage = "Training" if place < training else "PublicTest"
            writer.writerow(
                {
                    "index": place,
                    "usage": usage,
                    "fer2013_label": FER2013_NAMES[label],
                    "duplicate_group": group,
                    **row_,
                }
            )
    return folder
