"""The network that draws faces of no one, run by ONNX Runtime: to measure it and to look at it."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.faces import GreyPicture

DESCRIPTION: Final = "person: 72 standard normal numbers; emotion: shares of the seven, sum 1"
PERSON: Final = 72
SIZE: Final = 64
"""Height and width of a face in pixels."""

EXTREME: Final = 2.0
"""Numbers of a person beyond this are drawn again: extremes look like nobody."""

GREY: Final = 128.0
CONTRAST: Final = 115.0
"""Grey level of a face's mean, and grey levels for 1 of the generator's units."""

ENLARGED: Final = 4
Faces = npt.NDArray[np.float32]


class FaceGenerator:
    """Draws faces of people who do not exist, on one thread.

    Args:
        folder: Model folder: `model.onnx` and `manifest.json`.

    Raises:
        ModelError: The folder is incomplete or damaged, or needs other inputs than this package
            gives.
    """

    def __init__(self, folder: Path) -> None:
        manifest = load_manifest(folder, labels=EMOTIONS)
        asked = manifest.input.get("description")
        if asked != DESCRIPTION:
            raise ModelError(
                f"the model in {folder} needs {asked!r}; this version gives {DESCRIPTION!r}: "
                "export the model again"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                folder / WEIGHTS, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(f"{folder / WEIGHTS} cannot be loaded: {error}") from error

    def face(self, person: Faces, emotion: Faces) -> Faces:
        """Return a face, grey, shape (64, 64): 0 is its mean, 1 is 2.5 standard deviations.

        Args:
            person: Who it is, shape (72,).
            emotion: Shares of the seven in the order of `EMOTIONS`, shape (7,), sum 1.
        """
        inputs = {"person": person.reshape(1, PERSON), "emotion": emotion.reshape(1, -1)}
        (made,) = self._session.run(["face"], inputs)
        return np.asarray(made, np.float32).reshape(SIZE, SIZE)


def draw_person(seed: int) -> Faces:
    """Return who a seed stands for, shape (72,): always the same, another one for each seed."""
    chance = np.random.default_rng(seed)
    person = chance.standard_normal(PERSON)
    while (far := np.abs(person) > EXTREME).any():
        person[far] = chance.standard_normal(int(far.sum()))
    return np.asarray(person, np.float32)


def pure(emotion: str) -> Faces:
    """Return the shares of one emotion alone, shape (7,)."""
    return np.asarray(np.eye(len(EMOTIONS))[EMOTIONS.index(emotion)], np.float32)


def as_picture(face: Faces) -> GreyPicture:
    """Return a face as a grey picture, four times as large, uint8, shape (256, 256)."""
    side = ENLARGED * SIZE
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(GREY + CONTRAST * large, 0, 255), np.uint8)
