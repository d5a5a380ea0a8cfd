"""The network behind ONNX Runtime: face crops in, seven probabilities out."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, ModelManifest, load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.preprocessing import DESCRIPTION, preprocess

SHIPPED_MODEL: Final = Path(__file__).parent / "models" / "fer-cnn"
"""Folder of the model that comes with this package."""

LARGEST_BATCH: Final = 64
"""Crops per call of the runtime, so that memory stays bounded on large data sets."""


class FerModel:
    """Reads emotions from face crops, on one thread.

    Args:
        folder: Model folder: `model.onnx` and `manifest.json`.

    Attributes:
        manifest: What the folder says about the model.

    Raises:
        ModelError: The folder is incomplete or damaged, has other labels, or needs another
            preprocessing than this package does.
    """

    def __init__(self, folder: Path = SHIPPED_MODEL) -> None:
        self.manifest: ModelManifest = load_manifest(folder, labels=EMOTIONS)
        asked = self.manifest.input.get("preprocessing")
        if asked != DESCRIPTION:
            raise ModelError(
                f"the model in {folder} needs the preprocessing {asked!r}; "
                f"this version does {DESCRIPTION!r}: export the model again"
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
        self._input = self._session.get_inputs()[0].name

    def probabilities(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the probabilities of the seven emotions, in the order of `EMOTIONS`.

        Args:
            crops: Grey crops, uint8, shape (faces, 48, 48); no face is fine.

        Returns:
            float32, shape (faces, 7), each row sums to 1.

        Raises:
            ValueError: The crops have another shape or type.
        """
        batches = [
            self._session.run(None, {self._input: preprocess(crops[start : start + LARGEST_BATCH])})
            for start in range(0, len(crops), LARGEST_BATCH)
        ]
        if not batches:
            return np.zeros((0, len(EMOTIONS)), dtype=np.float32)
        return np.concatenate([outputs[0] for outputs in batches]).astype(np.float32, copy=False)
