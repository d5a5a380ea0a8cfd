"""A finished run to a model folder: calibrated ONNX, checked against torch, with a manifest."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from moodcue.model_folder import WEIGHTS, ModelManifest, sha256_of, write_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import load_fer2013
from moodcue_fer.evaluation import calibration_error, evaluate
from moodcue_fer.model import FerModel
from moodcue_fer.preprocessing import CROP_SIZE, DESCRIPTION, preprocess
from moodcue_fer.training.data import split_training
from moodcue_fer.training.network import FaceNetwork
from moodcue_fer.training.train import (
    BEST,
    MEASURE_BATCH,
    TrainingConfig,
    TrainingError,
    read_config,
)

NAME: Final = "fer-cnn"
OPSET: Final = 18
PARITY_TOLERANCE: Final = 1e-5
"""Largest difference of a probability between torch and ONNX Runtime."""

PARITY_FACES: Final = 64
HEADLINE: Final = ("n", "accuracy", "accuracy_interval_95", "macro_f1", "ece")


class ServedNetwork(nn.Module):
    """The network as it is served: probabilities, softened by a temperature.

    Args:
        network: Gives logits.
        temperature: Divides the logits (Guo et al., 2017).
        mirror: Takes the mean of the logits of a face and its mirror image.
    """

    def __init__(self, network: nn.Module, *, temperature: float = 1.0, mirror: bool) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.mirror = mirror

    def logits(self, crops: torch.Tensor) -> torch.Tensor:
        """Return logits before the temperature, shape (faces, 7)."""
        logits = cast("torch.Tensor", self.network(crops))
        if not self.mirror:
            return logits
        return (logits + cast("torch.Tensor", self.network(crops.flip(-1)))) / 2

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return probabilities, shape (faces, 7), of preprocessed crops (faces, 1, 48, 48)."""
        return functional.softmax(self.logits(crops) / self.temperature, dim=1)


def export(run: Path, *, data: Path, folder: Path, mirror: bool) -> dict[str, Any]:
    """Write the model folder of a run.

    The temperature is fitted on the part of Training that the run held out, never on a test
    part.

    Args:
        run: Folder of the run.
        data: Folder of FER2013, the same that the run was trained on.
        folder: Model folder to write; made if it is not there.
        mirror: Serve the mean over a face and its mirror image.

    Returns:
        The manifest as a mapping.

    Raises:
        TrainingError: The run has no weights, or ONNX Runtime disagrees with torch.
        DatasetError: The data is missing.
    """
    config = read_config(run)
    network, epoch = _load_network(run)
    faces = load_fer2013(data)
    held_out = split_training(
        faces, held_out_share=config.held_out_share, seed=config.seed
    ).held_out
    served = ServedNetwork(network, mirror=mirror).eval()
    crops = torch.from_numpy(preprocess(held_out.crops))
    labels = torch.from_numpy(held_out.labels)
    with torch.no_grad():
        logits = torch.cat(
            [
                served.logits(crops[start : start + MEASURE_BATCH])
                for start in range(0, len(crops), MEASURE_BATCH)
            ]
        )
    before = calibration_error(functional.softmax(logits, dim=1).numpy(), held_out.labels)
    served.temperature = fit_temperature(logits, labels)
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(served, folder / WEIGHTS)
    manifest = _manifest(config, folder=folder, epoch=epoch, served=served)
    write_manifest(folder, manifest)
    parity = check_parity(served, folder=folder, crops=held_out.crops[:PARITY_FACES])
    figures = evaluate(FerModel(folder).probabilities(held_out.crops), held_out.labels)
    metrics = {
        "held_out_of_training": {name: figures[name] for name in HEADLINE},
        "ece_before_temperature": before,
        "parity_with_torch": parity,
    }
    manifest = ModelManifest(**{**_fields(manifest), "metrics": metrics})
    write_manifest(folder, manifest)
    return _fields(manifest)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature with the smallest cross-entropy, within 0.25..4.

    Args:
        logits: Shape (n, 7), of pictures that no weight was fitted on.
        labels: Places in `EMOTIONS`, shape (n,).
    """
    candidates = torch.exp(torch.linspace(np.log(0.25), np.log(4.0), 401))
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write a network as ONNX with any number of faces per call, weights within the file."""
    faces = torch.export.Dim("faces", min=1)
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 1, CROP_SIZE, CROP_SIZE),),
        dynamo=True,
        dynamic_shapes=({0: faces},),
        input_names=["crops"],
        output_names=["probabilities"],
        opset_version=OPSET,
        verbose=False,
    )
    if program is None:
        raise TrainingError("torch.onnx.export gave no program")
    program.save(path, external_data=False)


def check_parity(network: nn.Module, *, folder: Path, crops: np.ndarray[Any, Any]) -> float:
    """Return the largest difference of a probability between torch and ONNX Runtime.

    Args:
        network: What was exported.
        folder: Where it was exported to.
        crops: Faces to compare on, uint8, shape (faces, 48, 48).

    Raises:
        TrainingError: The difference is above `PARITY_TOLERANCE`.
    """
    with torch.no_grad():
        wanted = network(torch.from_numpy(preprocess(crops))).numpy()
    difference = float(np.abs(FerModel(folder).probabilities(crops) - wanted).max())
    if difference > PARITY_TOLERANCE:
        raise TrainingError(
            f"ONNX Runtime differs from torch by {difference:.2g}, allowed {PARITY_TOLERANCE:.0e}"
        )
    return difference


def _load_network(run: Path) -> tuple[FaceNetwork, int]:
    if not (run / BEST).is_file():
        raise TrainingError(f"{run} has no {BEST}: train first")
    state = torch.load(run / BEST, map_location="cpu", weights_only=True)
    network = FaceNetwork()
    network.load_state_dict(state["network"])
    return network.eval(), int(state["epoch"])


def _manifest(
    config: TrainingConfig, *, folder: Path, epoch: int, served: ServedNetwork
) -> ModelManifest:
    return ModelManifest(
        name=NAME,
        version="0.1.0",
        sha256=sha256_of(folder / WEIGHTS),
        labels=EMOTIONS,
        input={
            "name": "crops",
            "shape": ["faces", 1, CROP_SIZE, CROP_SIZE],
            "type": "float32",
            "preprocessing": DESCRIPTION,
        },
        training={
            "data": "FER2013 Training without its held-out part and copies of PublicTest pictures",
            "targets": "FER2013 labels mixed with FER+ votes",
            "epoch": epoch,
            "temperature": served.temperature,
            "mirror": served.mirror,
            "config": asdict(config),
        },
        metrics={},
    )


def _fields(manifest: ModelManifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}
