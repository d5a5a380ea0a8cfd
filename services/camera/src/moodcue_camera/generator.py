"""The network that draws faces of no one, run by OpenCV's own DNN module."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, load_manifest
from moodcue.taxonomy import EMOTIONS

SHIPPED_GENERATOR: Final = Path(__file__).parent / "models" / "face-generator"
"""Folder of the model that comes with this package."""

DESCRIPTION: Final = "person: 72 standard normal numbers; emotion: shares of the seven, sum 1"
PERSON: Final = 72
SIZE: Final = 64
"""Height and width of a face in pixels."""

FRAME: Final = (6.0, 4.0, 52.0)
"""Left, top and side, in a face's pixels, of the square that a face detector draws around it."""

EXTREME: Final = 2.0
"""Numbers of a person beyond this are drawn again: extremes look like nobody."""

GreyFace = npt.NDArray[np.float32]
"""Grey, shape (64, 64): 0 is its mean, 1 about 2.5 standard deviations of grey above it."""

Person = npt.NDArray[np.float32]
"""Who somebody is, shape (72,)."""


class FaceGenerator:
    """Draws faces of people who do not exist.

    Args:
        folder: Model folder: `model.onnx` and `manifest.json`.

    Raises:
        ModelError: The folder is incomplete or damaged, or needs other inputs than this package
            gives.
    """

    def __init__(self, folder: Path = SHIPPED_GENERATOR) -> None:
        manifest = load_manifest(folder, labels=EMOTIONS)
        asked = manifest.input.get("description")
        if asked != DESCRIPTION:
            raise ModelError(
                f"the model in {folder} needs {asked!r}; this version gives {DESCRIPTION!r}: "
                "export the model again"
            )
        try:
            self._network = cv2.dnn.readNetFromONNX(str(folder / WEIGHTS))
        except cv2.error as error:
            raise ModelError(f"{folder / WEIGHTS} cannot be loaded: {error.err}") from error

    def face(self, person: Person, emotion: npt.NDArray[np.float32]) -> GreyFace:
        """Return the face of a person who shows something.

        Args:
            person: Who it is, shape (72,).
            emotion: Shares of the seven in the order of `EMOTIONS`, shape (7,), sum 1.
        """
        self._network.setInput(person.reshape(1, PERSON), "person")
        self._network.setInput(emotion.reshape(1, len(EMOTIONS)), "emotion")
        return np.asarray(self._network.forward(), np.float32).reshape(SIZE, SIZE)


def draw_person(seed: int) -> Person:
    """Return who a seed stands for: always the same person, and another one for each seed.

    Args:
        seed: At least 0.
    """
    chance = np.random.default_rng(seed)
    person = chance.standard_normal(PERSON)
    while (far := np.abs(person) > EXTREME).any():
        person[far] = chance.standard_normal(int(far.sum()))
    return np.asarray(person, np.float32)
