"""Turn trained networks into the ONNX graph that is served."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from moodcue_mer_indexer.mel import MelSettings

_OPSET = 18


def export_onnx(network: nn.Module, *, path: Path, mel: MelSettings, output: str) -> None:
    """Write a network as ONNX, without stack traces and paths of this machine.

    Its input is ``log_mel``: float32 ``(batch, n_mels, patch_frames)`` in dB; the batch size is
    free.

    Args:
        network: With one input and one output.
        path: File to write.
        mel: The spectrogram that the network takes.
        output: Name of the output.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(2, mel.n_mels, mel.patch_frames)
    with warnings.catch_warnings():
        # PyTorch warns about its own use of its own deprecated type.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            network.cpu().eval(),
            (example,),
            path,
            input_names=["log_mel"],
            output_names=[output],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _remove_traces(path)


def _remove_traces(path: Path) -> None:
    model = onnx.load(path)
    parts = [model.graph, *model.functions]
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    nodes = [node for part in parts for node in part.node]
    for thing in (model, *parts, *values, *nodes, *model.graph.initializer):
        thing.doc_string = ""
        del thing.metadata_props[:]
    onnx.save(model, path)
