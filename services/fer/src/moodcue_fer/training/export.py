"""A finished run to a model folder: calibrated ONNX, checked against torch, with a manifest."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from moodcue.model_folder import MANIFEST, WEIGHTS, ModelManifest, sha256_of, write_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import load_fer2013
from moodcue_fer.evaluation import calibration_error, evaluate
from moodcue_fer.model import FRONTALITY, PROBABILITIES, FerModel
from moodcue_fer.personal import baseline
from moodcue_fer.preprocessing import CROP_SIZE, DESCRIPTION, preprocess
from moodcue_fer.training.config import TrainingConfig, read_training_config
from moodcue_fer.training.data import split_training
from moodcue_fer.training.network import FaceNetwork
from moodcue_fer.training.quantize import CALIBRATION_FACES, quantize
from moodcue_fer.training.run import FRONTALITY_FILE, TrainingError
from moodcue_fer.training.shipped import config_of_model, network_of_model
from moodcue_fer.training.traces import save_program
from moodcue_fer.training.train import MEASURE_BATCH, load_network

VERSION: Final = "0.3.0"
OPSET: Final = 18
PARITY_TOLERANCE: Final = 1e-5
"""Largest difference of a probability between torch and ONNX Runtime."""

PARITY_FACES: Final = 64
INT8_DIFFERENCE: Final = 0.01
INT8_AGREEMENT: Final = 0.97
"""Largest mean difference of a probability between torch and int8, and least share of the same
answers."""

HEADLINE: Final = ("n", "accuracy", "accuracy_interval_95", "macro_f1", "ece")


class ServedNetwork(nn.Module):
    """The network as it is served: calibrated probabilities and frontality.

    Args:
        network: Gives the answers.
        mirror: Takes the mean of the answers for a face and its mirror image.
        frontality: Says also how frontal a face is.

    Attributes:
        temperature: Divides the logits of the labels (Guo et al., 2017); 1 until it is fitted.
        offsets: Added to the logits after that, shape (7,); zeros until they are known.
    """

    def __init__(
        self, network: FaceNetwork, *, mirror: bool = False, frontality: bool = True
    ) -> None:
        super().__init__()
        self.network = network
        self.temperature = 1.0
        self.offsets = torch.zeros(len(EMOTIONS))
        self.mirror = mirror
        self.frontality = frontality

    def logits(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of labels, shape (faces, 7), and of frontality, shape (faces,)."""
        if not self.mirror:
            answers = self.network(crops)
            return answers.labels, answers.frontality
        # One batch, as that takes less time than two.
        answers = self.network(torch.cat([crops, crops.flip(-1)]))
        return (
            answers.labels.unflatten(0, (2, -1)).mean(0),
            answers.frontality.unflatten(0, (2, -1)).mean(0),
        )

    def probabilities(self, labels: torch.Tensor) -> torch.Tensor:
        """Return what logits of labels mean, shape (faces, 7)."""
        return functional.softmax(labels / self.temperature + self.offsets, dim=1)

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Answer for preprocessed crops, shape (faces, 1, 48, 48).

        Returns:
            Probabilities, shape (faces, 7), and, where it was learned, frontality 0..1, shape
            (faces,).
        """
        labels, frontality = self.logits(crops)
        probabilities = self.probabilities(labels)
        return (probabilities, frontality.sigmoid()) if self.frontality else (probabilities,)


def export(
    run: Path,
    *,
    data: Path,
    folder: Path,
    mirror: bool,
    int8: bool = True,
    logit_adjustment: float = 0.0,
) -> dict[str, Any]:
    """Write the model folder of a run.

    The temperature is fitted on the part of Training that the run held out, never on a test
    part.

    Args:
        run: Folder of a run, or of a model that is to be exported anew.
        data: Folder of FER2013, the same that the run was trained on.
        folder: Model folder to write; made if it is not there. Its name is the model's.
        mirror: Serve the mean over a face and its mirror image.
        int8: Quantize what was exported: see `moodcue_fer.training.quantize`.
        logit_adjustment: How much of what the shares of the labels in the training data suggest is
            taken out of the answers, 0..1 (Menon et al., 2021): with 1 they are those of a world
            in which all seven are as frequent.

    Returns:
        The manifest as a mapping.

    Raises:
        TrainingError: The run has no weights, or what was written disagrees with torch.
        DatasetError: The data is missing.
    """
    trained = _trained(run)
    config = trained.config
    split = split_training(
        load_fer2013(data), held_out_share=config.held_out_share, seed=config.split_seed
    )
    held_out = split.held_out
    served = ServedNetwork(trained.network, mirror=mirror, frontality=trained.frontality).eval()
    logits = _logits(served, held_out.crops)
    before = calibration_error(served.probabilities(logits).numpy(), held_out.labels)
    served.temperature = fit_temperature(logits, torch.from_numpy(held_out.labels))
    counts = np.bincount(split.train.labels, minlength=len(EMOTIONS)).clip(min=1)
    prior = counts / counts.sum()
    served.offsets = torch.from_numpy(-logit_adjustment * np.log(prior)).float()
    wanted = served.probabilities(logits).numpy()
    neutral = held_out.labels == EMOTIONS.index("neutral")
    expected = prior ** (1 - logit_adjustment)
    facts = {
        "epoch": trained.epoch,
        "temperature": served.temperature,
        "logit_adjustment": logit_adjustment,
        "mirror": mirror,
        "precision": "int8" if int8 else "float32",
        # What `moodcue_fer.personal` compares a room and a person with.
        "prior": (expected / expected.sum()).tolist(),
        "usual_neutral": baseline(wanted[neutral]).tolist(),
        "config": asdict(config),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(served, folder / WEIGHTS)
    write_manifest(folder, _manifest(facts, folder=folder))
    parity = {
        "float32_largest_difference": check_parity(
            served, folder=folder, crops=held_out.crops[:PARITY_FACES]
        )
    }
    if int8:
        _quantize(folder, crops=split.train.crops)
        write_manifest(folder, _manifest(facts, folder=folder))
        parity |= check_quantization(FerModel(folder), crops=held_out.crops, wanted=wanted)
    figures = evaluate(FerModel(folder).read(held_out.crops).probabilities, held_out.labels)
    metrics = {
        "held_out_of_training": {name: figures[name] for name in HEADLINE},
        "ece_before_temperature": before,
        "parity_with_torch": parity,
    }
    manifest = _manifest(facts, folder=folder, metrics=metrics)
    write_manifest(folder, manifest)
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """What training gave: the network of an epoch, and what it learned from."""

    network: FaceNetwork
    epoch: int
    config: TrainingConfig
    frontality: bool


def _trained(folder: Path) -> _Trained:
    if not (folder / MANIFEST).is_file():
        network, epoch = load_network(folder)
        frontality = (folder / FRONTALITY_FILE).is_file()
        config = read_training_config(folder)
        return _Trained(network=network, epoch=epoch, config=config, frontality=frontality)
    model = FerModel(folder)
    return _Trained(
        network=network_of_model(folder),
        epoch=model.manifest.training["epoch"],
        config=config_of_model(model.manifest),
        frontality=model.tells_frontality,
    )


@torch.no_grad()
def _logits(served: ServedNetwork, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
    inputs = torch.from_numpy(preprocess(crops))
    return torch.cat([served.logits(batch)[0] for batch in torch.split(inputs, MEASURE_BATCH)])


def _quantize(folder: Path, *, crops: npt.NDArray[np.uint8]) -> None:
    quantized = folder / "quantized.onnx"
    quantize(folder / WEIGHTS, quantized, inputs=preprocess(crops[:CALIBRATION_FACES]))
    quantized.replace(folder / WEIGHTS)


def check_quantization(
    model: FerModel, *, crops: npt.NDArray[np.uint8], wanted: npt.NDArray[np.float32]
) -> dict[str, float]:
    """Return how far an int8 model is from torch: mean difference, and share of same answers.

    Args:
        model: What was quantized.
        crops: Faces to compare on, uint8, shape (faces, 48, 48).
        wanted: The probabilities of torch, shape (faces, 7).

    Raises:
        TrainingError: The mean difference of a probability is above `INT8_DIFFERENCE`, or fewer
            answers than `INT8_AGREEMENT` are the same.
    """
    given = model.read(crops).probabilities
    difference = float(np.abs(given - wanted).mean())
    same = float((given.argmax(1) == wanted.argmax(1)).mean())
    if difference > INT8_DIFFERENCE or same < INT8_AGREEMENT:
        raise TrainingError(
            f"int8 differs from torch by {difference:.2g} on average and gives {same:.1%} of its "
            f"answers, allowed {INT8_DIFFERENCE} and {INT8_AGREEMENT:.0%}: export with --float32"
        )
    return {"int8_mean_difference": difference, "int8_same_answer": same}


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature with the smallest cross-entropy, within 0.25..4.

    Args:
        logits: Shape (n, 7), of pictures that no weight was fitted on.
        labels: Places in `EMOTIONS`, shape (n,).
    """
    candidates = torch.exp(torch.linspace(np.log(0.25), np.log(4.0), 401))
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def write_onnx(network: ServedNetwork, path: Path) -> None:
    """Write a network as ONNX with any number of faces per call, weights within the file."""
    faces = torch.export.Dim("faces", min=1)
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 1, CROP_SIZE, CROP_SIZE),),
        dynamo=True,
        dynamic_shapes=({0: faces},),
        input_names=["crops"],
        output_names=[PROBABILITIES, FRONTALITY] if network.frontality else [PROBABILITIES],
        opset_version=OPSET,
        verbose=False,
    )
    save_program(program, path)


def check_parity(network: ServedNetwork, *, folder: Path, crops: npt.NDArray[np.uint8]) -> float:
    """Return the largest difference of an answer between torch and ONNX Runtime.

    Args:
        network: What was exported.
        folder: Where it was exported to.
        crops: Faces to compare on, uint8, shape (faces, 48, 48).

    Raises:
        TrainingError: The difference is above `PARITY_TOLERANCE`.
    """
    with torch.no_grad():
        wanted = network(torch.from_numpy(preprocess(crops)))
    readings = FerModel(folder).read(crops)
    given = (readings.probabilities, readings.frontality)
    difference = max(
        float(np.abs(answer - target.numpy()).max())
        for answer, target in zip(given, wanted, strict=False)
    )
    if difference > PARITY_TOLERANCE:
        raise TrainingError(
            f"ONNX Runtime differs from torch by {difference:.2g}, allowed {PARITY_TOLERANCE:.0e}"
        )
    return difference


def _manifest(
    facts: dict[str, Any], *, folder: Path, metrics: dict[str, Any] | None = None
) -> ModelManifest:
    return ModelManifest(
        name=folder.resolve().name,
        version=VERSION,
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
            **facts,
        },
        metrics=metrics or {},
    )
