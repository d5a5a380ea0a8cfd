"""A float32 graph of the backbone and its heads to int8 where that costs nothing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

_BANDS = 3
"""Axis of the bands in a convolution's kernel (out, in, frames, bands)."""

_SMALL_BANDS = 3
"""Bands of the small filters."""

_SMALL_IN_INT8 = slice(1, 3)
"""Which layers of small filters are quantized: the second and third do most of the sums."""


def quantize(source: Path, target: Path, *, patches: NDArray[np.float32]) -> None:
    """Write a graph whose costliest filters have int8 weights and uint8 activations.

    Weights have seven bits: on processors with AVX2 and without VNNI, products of eight bits
    would saturate and give other answers. The long filters of one band and the dense layers stay
    in float32, which is faster for them. Of the five layers of small filters only the second and
    third are quantized: the others cost little, and their errors would add up.

    Args:
        source: ONNX file in float32.
        target: ONNX file to write, another one.
        patches: Whose activations decide the ranges, shape ``(n, n_mels, patch_frames)`` in dB.
    """
    prepared = target.with_suffix(".prepared")
    try:
        with _warnings_only():
            # The symbolic inference of shapes does not know some of the operators.
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(target),
                _Patches(patches, name=onnxruntime.InferenceSession(prepared).get_inputs()[0].name),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "MaxPool"],
                nodes_to_exclude=list(_kept_in_float32(onnx.load(prepared))),
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
            )
    finally:
        prepared.unlink(missing_ok=True)


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Keep the quantizer, which logs a line for every filter that never answers, from the log."""
    root = logging.getLogger()

    def matters(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    # Of the root's own records, which are the quantizer's; those of other loggers are not asked.
    root.addFilter(matters)
    try:
        yield
    finally:
        root.removeFilter(matters)


def _kept_in_float32(model: onnx.ModelProto) -> Iterator[str]:
    """Yield the names of what is not quantized: convolutions, and the pooling of small ones."""
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    bands = {node.name: shapes[node.input[1]][_BANDS:] for node in convolutions}
    small = [name for name, size in bands.items() if size == [_SMALL_BANDS]]
    wide = {name for name, size in bands.items() if size and size[0] > _SMALL_BANDS}
    pooled_in_float32 = set()
    for node in convolutions:
        if node.name not in wide:
            pooled_in_float32.update(node.output)
        if node.name not in wide | set(small[_SMALL_IN_INT8]):
            yield node.name
    for node in model.graph.node:
        if node.op_type == "MaxPool" and node.input[0] in pooled_in_float32:
            yield node.name


class _Patches(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Hands patches to the quantizer, some at a time."""

    def __init__(self, patches: NDArray[np.float32], *, name: str) -> None:
        self._rows = iter([{name: patch[np.newaxis]} for patch in patches])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next patch, None at the end."""
        return next(self._rows, None)
