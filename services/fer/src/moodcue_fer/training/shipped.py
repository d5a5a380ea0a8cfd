"""The network inside a model folder, to train on from: what was shipped is enough to begin with."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from moodcue.model_folder import WEIGHTS, ModelManifest, load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.training.config import TrainingConfig
from moodcue_fer.training.network import FaceNetwork
from moodcue_fer.training.run import TrainingError


def network_of_model(folder: Path) -> FaceNetwork:
    """Return the network of a model folder in torch.

    It answers as the model does, up to the rounding of its activations. What is not in a model, as
    the head for the votes, is zero. Every normalisation passes on what comes in: before
    training, `renormalise` gives it something to do.

    Args:
        folder: Model folder that `moodcue_fer.training.export` wrote.

    Raises:
        ModelError: The folder is incomplete or damaged.
        TrainingError: The model is of another kind.
    """
    manifest = load_manifest(folder, labels=EMOTIONS)
    graph = onnx.load(folder / WEIGHTS).graph
    try:
        network = FaceNetwork(config_of_model(manifest).shape)
        network.load_state_dict(_state(network, graph))
    except (KeyError, RuntimeError, StopIteration, ValueError) as error:
        raise TrainingError(
            f"the model in {folder} is none to train on from ({error}): give one that export "
            "wrote, or a run"
        ) from error
    return network.eval()


def config_of_model(manifest: ModelManifest) -> TrainingConfig:
    """Return what a model was trained with.

    Raises:
        KeyError: The manifest does not tell.
        msgspec.ValidationError: It was trained by another version.
    """
    return msgspec.convert(manifest.training["config"], TrainingConfig)


@torch.no_grad()
def renormalise(network: FaceNetwork, crops: torch.Tensor) -> None:
    """Give every normalisation the statistics of some faces, without changing any answer.

    Args:
        network: Changed in place.
        crops: Preprocessed faces, shape (faces, 1, height, width), none that will be tested on.
    """

    def renew(layer: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
        state = layer.state_dict()
        mean = inputs[0].mean(dim=(0, 2, 3))
        variance = inputs[0].var(dim=(0, 2, 3), correction=0)
        slope = state["weight"] / (state["running_var"] + layer.eps).sqrt()
        renewed = {
            "running_mean": mean,
            "running_var": variance,
            "weight": slope * (variance + layer.eps).sqrt(),
            "bias": state["bias"] + slope * (mean - state["running_mean"]),
        }
        layer.load_state_dict(state | renewed)

    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(renew) for layer in layers]
    network.eval()(crops)
    for hook in hooks:
        hook.remove()


def _state(network: FaceNetwork, graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Return the weights of a network from a graph, in which normalisations are folded away."""
    tensors = _tensors(graph)
    state = network.state_dict()
    layers = dict(network.named_modules())
    parts = [part for part in layers.items() if isinstance(part[1], nn.Conv2d | nn.BatchNorm2d)]
    for (name, layer), (following, normalisation) in pairwise(parts):
        if not isinstance(layer, nn.Conv2d):
            continue
        # The exporter adds to the names of weights, not within them.
        kernel, *bias = next(
            node.input[1:]
            for node in graph.node
            if node.op_type == "Conv" and f"network.{name}.weight" in node.input[1]
        )
        state[f"{name}.weight"] = tensors[kernel]
        # None follows the column of a separable pair.
        if isinstance(normalisation, nn.BatchNorm2d):
            (shift,) = (tensors[part] for part in bias)
            state[f"{following}.bias"] = shift
            state[f"{following}.weight"] = torch.full_like(shift, (1 + normalisation.eps) ** 0.5)
    heads = [name for name, layer in layers.items() if isinstance(layer, nn.Linear)]
    for part in (f"{name}.{kind}" for name in heads for kind in ("weight", "bias")):
        state[part] = tensors.get(f"network.{part}", torch.zeros_like(state[part]))
    return state


def _tensors(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Return the constants of a graph by name, those in int8 by the name of what they become."""
    values = {
        array.name: torch.from_numpy(numpy_helper.to_array(array).astype(np.float32))
        for array in graph.initializer
    }
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            quantized, scale = (values[name] for name in node.input[:2])
            along_first = scale.view(-1, *[1] * (quantized.ndim - 1))
            values[node.output[0]] = quantized * along_first
    return values
