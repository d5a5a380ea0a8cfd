"""The network behind ONNX Runtime: face crops in, seven probabilities and frontality out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, ModelManifest, load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.preprocessing import DESCRIPTION, preprocess

ShippedName = Literal["fer-cnn", "fer-cnn-light"]
"""Models that come with this package."""

DEFAULT_MODEL: Final[ShippedName] = "fer-cnn"
"""The one that serves unless another is asked for."""

SHIPPED_MODELS: Final = Path(__file__).parent / "models"
SHIPPED_MODEL: Final = SHIPPED_MODELS / DEFAULT_MODEL
"""Their folders, and that of the default."""

LARGEST_BATCH: Final = 64
"""Crops per call of the runtime, so that memory stays bounded on large data sets."""

Provider = Literal["cpu", "cuda"]
"""Where the network runs."""

PROVIDER_NAMES: Final[dict[Provider, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
}
"""What ONNX Runtime calls it."""

PROBABILITIES: Final = "probabilities"
FRONTALITY: Final = "frontality"
"""Names of the outputs; a model may lack the frontality."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What the network reads from faces.

    Attributes:
        probabilities: Of the seven in the order of `EMOTIONS`, float32, shape (faces, 7), each
            row sums to 1.
        frontality: 1 looks at the camera, 0 is a profile, float32, shape (faces,); ones where
            the model does not tell.
    """

    probabilities: npt.NDArray[np.float32]
    frontality: npt.NDArray[np.float32]


class FerModel:
    """Reads emotions from face crops, on one thread.

    Args:
        folder: Model folder: `model.onnx` and `manifest.json`.
        provider: Where the network runs.

    Attributes:
        manifest: What the folder says about the model.
        tells_frontality: The model says how frontal faces are.

    Raises:
        ModelError: The folder is incomplete or damaged, has other labels, or needs another
            preprocessing than this package does, or ONNX Runtime cannot run it there.
    """

    def __init__(self, folder: Path = SHIPPED_MODEL, *, provider: Provider = "cpu") -> None:
        self.manifest: ModelManifest = load_manifest(folder, labels=EMOTIONS)
        asked = self.manifest.input.get("preprocessing")
        if asked != DESCRIPTION:
            raise ModelError(
                f"the model in {folder} needs the preprocessing {asked!r}; "
                f"this version does {DESCRIPTION!r}: export the model again"
            )
        name = _available(provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                folder / WEIGHTS, sess_options=options, providers=[name]
            )
        except Exception as error:
            raise ModelError(f"{folder / WEIGHTS} cannot be loaded: {error}") from error
        # Where a driver is missing, ONNX Runtime warns and takes the CPU.
        if name not in self._session.get_providers():
            raise ModelError(f"ONNX Runtime cannot use {provider} here: see its warning above")
        self._input = self._session.get_inputs()[0].name
        self.tells_frontality = FRONTALITY in {out.name for out in self._session.get_outputs()}

    def read(self, crops: npt.NDArray[np.uint8]) -> Readings:
        """Read the emotions of faces and how frontal they are.

        Args:
            crops: Grey crops, uint8, shape (faces, 48, 48); no face is fine.

        Raises:
            ValueError: The crops have another shape or type.
        """
        inputs = preprocess(crops)
        if len(inputs) == 0:
            return Readings(
                probabilities=np.zeros((0, len(EMOTIONS)), dtype=np.float32),
                frontality=np.zeros(0, dtype=np.float32),
            )
        batches = [
            self._infer(inputs[start : start + LARGEST_BATCH])
            for start in range(0, len(inputs), LARGEST_BATCH)
        ]
        probabilities, frontality = zip(*batches, strict=True)
        return Readings(
            probabilities=np.concatenate(probabilities), frontality=np.concatenate(frontality)
        )

    def _infer(
        self, inputs: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        names = [PROBABILITIES, FRONTALITY] if self.tells_frontality else [PROBABILITIES]
        answers = self._session.run(names, {self._input: inputs})
        probabilities = np.asarray(answers[0], dtype=np.float32)
        if not self.tells_frontality:
            return probabilities, np.ones(len(inputs), dtype=np.float32)
        return probabilities, np.asarray(answers[1], dtype=np.float32)


def _available(provider: Provider) -> str:
    """Return ONNX Runtime's name of a provider, its libraries loaded; ModelError without it."""
    name = PROVIDER_NAMES[provider]
    if name not in onnxruntime.get_available_providers():
        raise ModelError(
            f"MOODCUE_FER_PROVIDER={provider}, but the ONNX Runtime installed here has no "
            f"{name}: see 'On a GPU' in the README of moodcue-fer, or unset it"
        )
    if provider == "cuda":
        # CUDA and cuDNN come as Python packages, where the loader does not look.
        onnxruntime.preload_dlls()
    return name
