"""A finished run of the generator to a model folder: ONNX, checked against torch, a manifest."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import nn

from moodcue.model_folder import WEIGHTS, ModelManifest, sha256_of, write_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.generator import DESCRIPTION, FaceGenerator
from moodcue_fer.training.generator.config import read_generator_config
from moodcue_fer.training.generator.data import SIZE
from moodcue_fer.training.generator.network import Generator
from moodcue_fer.training.generator.space import PERSON
from moodcue_fer.training.generator.train import load_generator
from moodcue_fer.training.run import TrainingError
from moodcue_fer.training.traces import save_program

NAME: Final = "face-generator"
VERSION: Final = "0.1.0"
OPSET: Final = 18
PARITY_TOLERANCE: Final = 1e-4
"""Largest difference of a pixel, of which 1 is 2.5 standard deviations of grey."""

PARITY_FACES: Final = 21
PEOPLE: Final = 0.7
REFINEMENT: Final = 0.65


class ServedGenerator(nn.Module):
    """The generator as it is served: people nearer to the mean, refined a little less.

    Both are chosen by eye: extremes look like nobody, and all of the refinement leaves traces.

    Args:
        network: Draws the faces.
        people: Factor of the numbers that say who somebody is, 0..1.
        refinement: Share of what the refining network changes, 0..1.
    """

    def __init__(self, network: Generator, *, people: float, refinement: float) -> None:
        super().__init__()
        self.network = network
        self.people = people
        self.refinement = refinement

    def forward(self, person: torch.Tensor, emotion: torch.Tensor) -> torch.Tensor:
        """Return laid faces, shape (faces, 1, 64, 64), for arguments as those of `Generator`."""
        place = self.network.place_of(self.people * person, emotion)
        made, blurred = self.network.refine(place, emotion)
        return blurred + self.refinement * (made - blurred)


def export_generator(
    run: Path, *, folder: Path, people: float = PEOPLE, refinement: float = REFINEMENT
) -> dict[str, Any]:
    """Write the model folder of a run.

    Args:
        run: Folder of the run.
        people: As for `ServedGenerator`.
        refinement: As for `ServedGenerator`.
        folder: Model folder to write; made if it is not there.

    Returns:
        The manifest as a mapping.

    Raises:
        TrainingError: The run has no weights, or ONNX Runtime or OpenCV disagrees with torch.
    """
    trained, step = load_generator(run)
    network = ServedGenerator(trained, people=people, refinement=refinement).eval()
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(network, folder / WEIGHTS)
    manifest = ModelManifest(
        name=NAME,
        version=VERSION,
        sha256=sha256_of(folder / WEIGHTS),
        labels=EMOTIONS,
        input={"description": DESCRIPTION, "person": [1, PERSON], "emotion": [1, len(EMOTIONS)]},
        training={
            "data": "frontal faces of FER2013 Training and CK+ without contempt",
            "output": f"grey face, 1x1x{SIZE}x{SIZE}; 0 is its mean, 1 is 2.5 deviations",
            "step": step,
            "people": people,
            "refinement": refinement,
            "config": asdict(read_generator_config(run)),
        },
        metrics={},
    )
    write_manifest(folder, manifest)
    parity = check_parity(network, folder=folder)
    measured = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    measured["metrics"] = {"largest_difference": parity}
    write_manifest(folder, ModelManifest(**measured))
    return measured


def write_onnx(network: ServedGenerator, path: Path) -> None:
    """Write a generator as ONNX for one face per call, weights within the file."""
    program = torch.onnx.export(
        network,
        (torch.zeros(1, PERSON), torch.full((1, len(EMOTIONS)), 1 / len(EMOTIONS))),
        dynamo=True,
        input_names=["person", "emotion"],
        output_names=["face"],
        opset_version=OPSET,
        verbose=False,
    )
    save_program(program, path)


def check_parity(network: ServedGenerator, *, folder: Path) -> dict[str, float]:
    """Return the largest difference of a pixel between torch and each of the two runtimes.

    Args:
        network: What was exported.
        folder: Where it was exported to.

    Raises:
        TrainingError: A difference is above `PARITY_TOLERANCE`.
    """
    chance = np.random.default_rng(0)
    people = chance.standard_normal((PARITY_FACES, PERSON)).astype(np.float32)
    emotions = chance.dirichlet(np.ones(len(EMOTIONS)), PARITY_FACES).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(people), torch.from_numpy(emotions)).numpy()[:, 0]
    generator = FaceGenerator(folder)
    onnxruntime = np.stack(
        [generator.face(who, what) for who, what in zip(people, emotions, strict=True)]
    )
    net = cv2.dnn.readNetFromONNX(str(folder / WEIGHTS))
    opencv = []
    for who, what in zip(people, emotions, strict=True):
        net.setInput(who[np.newaxis], "person")
        net.setInput(what[np.newaxis], "emotion")
        opencv.append(np.asarray(net.forward())[0, 0])
    differences = {
        "onnxruntime": float(np.abs(onnxruntime - wanted).max()),
        "opencv": float(np.abs(np.stack(opencv) - wanted).max()),
    }
    if max(differences.values()) > PARITY_TOLERANCE:
        raise TrainingError(
            f"the exported generator differs from torch by {differences}, allowed "
            f"{PARITY_TOLERANCE:.0e}"
        )
    return differences
