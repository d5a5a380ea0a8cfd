"""What torch writes into an ONNX file about the machine that it was exported on, taken out."""

from pathlib import Path

import onnx
import torch

from moodcue_fer.training.run import TrainingError


def save_program(program: torch.onnx.ONNXProgram | None, path: Path) -> None:
    """Write what `torch.onnx.export` gave, weights within the file, without traces.

    Raises:
        TrainingError: It gave nothing.
    """
    if program is None:
        raise TrainingError("torch.onnx.export gave no program")
    program.save(path, external_data=False)
    remove_traces(path)


def remove_traces(path: Path) -> None:
    """Rewrite an ONNX file without stack traces, source lines and paths; answers stay the same."""
    model = onnx.load(path)
    parts = [model.graph, *model.functions]
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    nodes = [node for part in parts for node in part.node]
    for thing in (model, *parts, *values, *nodes, *model.graph.initializer):
        thing.doc_string = ""
        del thing.metadata_props[:]
    onnx.save(model, path)
