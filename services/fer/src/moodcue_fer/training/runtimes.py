"""Which runtime serves a model fastest, and what each changes: measured side by side."""

import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from moodcue.model_folder import WEIGHTS
from moodcue_fer.datasets import load_fer2013
from moodcue_fer.model import PROBABILITIES
from moodcue_fer.preprocessing import preprocess

BATCHES: Final = (1, 2, 4)
WARM_UP: Final = 20
ROUNDS: Final = 200
CALIBRATION_FACES: Final = 512
MEASURE_BATCH: Final = 64

Inputs = npt.NDArray[np.float32]
Infer = Callable[[Inputs], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Runtime:
    """A way to serve a model: its name and what turns inputs into probabilities."""

    name: str
    infer: Infer


def compare_runtimes(model: Path, *, data: Path) -> Iterator[dict[str, Any]]:
    """Time each runtime on one thread and measure it on PublicTest, one record each.

    OpenVINO is compared where it is installed.

    Args:
        model: Model folder.
        data: Folder of FER2013; quantization is calibrated on some of its Training pictures.

    Raises:
        DatasetError: The data is missing.
    """
    faces = load_fer2013(data)
    test = faces.select(faces.usage == "PublicTest")
    training = preprocess(faces.crops[faces.usage == "Training"][:CALIBRATION_FACES])
    inputs = preprocess(test.crops)
    reference: npt.NDArray[np.float32] | None = None
    with tempfile.TemporaryDirectory() as folder:
        runtimes = [
            _onnx_runtime("onnxruntime", model / WEIGHTS),
            *_quantized(model / WEIGHTS, training, folder=Path(folder)),
            *_openvino(model / WEIGHTS),
        ]
        timings = _timings(runtimes, inputs)
        for runtime in runtimes:
            parts = np.array_split(inputs, len(inputs) // MEASURE_BATCH + 1)
            probabilities = np.concatenate([runtime.infer(part) for part in parts])
            reference = probabilities if reference is None else reference
            yield {
                "runtime": runtime.name,
                "milliseconds_per_face": timings[runtime.name],
                "accuracy": float((probabilities.argmax(1) == test.labels).mean()),
                "largest_difference": float(np.abs(probabilities - reference).max()),
            }


def _timings(runtimes: list[Runtime], inputs: Inputs) -> dict[str, dict[str, float]]:
    """Return the median milliseconds per face by runtime and batch, measured in turns."""
    spent: dict[str, dict[int, list[float]]] = {
        runtime.name: {batch: [] for batch in BATCHES} for runtime in runtimes
    }
    for turn in range(WARM_UP + ROUNDS):
        for runtime in runtimes:
            for batch in BATCHES:
                start = time.perf_counter()
                runtime.infer(inputs[turn : turn + batch])
                if turn >= WARM_UP:
                    spent[runtime.name][batch].append(time.perf_counter() - start)
    return {
        name: {
            f"batch {batch}": 1000 * statistics.median(times) / batch
            for batch, times in by_batch.items()
        }
        for name, by_batch in spent.items()
    }


def _onnx_runtime(name: str, weights: Path) -> Runtime:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        weights, sess_options=options, providers=["CPUExecutionProvider"]
    )
    asked = session.get_inputs()[0].name

    def infer(inputs: Inputs) -> npt.NDArray[np.float32]:
        return np.asarray(session.run([PROBABILITIES], {asked: inputs})[0], dtype=np.float32)

    return Runtime(name, infer)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Hands faces to the quantizer, one at a time."""

    def __init__(self, name: str, inputs: Inputs) -> None:
        self._rows = iter([{name: row[np.newaxis]} for row in inputs])

    def get_next(self) -> dict[str, Inputs] | None:
        """Return the next face, None at the end."""
        return next(self._rows, None)


def _quantized(weights: Path, training: Inputs, *, folder: Path) -> Iterator[Runtime]:
    prepared, static, dynamic = (
        folder / f"{name}.onnx" for name in ("prepared", "static", "dynamic")
    )
    quant_pre_process(str(weights), str(prepared))
    asked = onnxruntime.InferenceSession(prepared).get_inputs()[0].name
    quantize_static(
        str(prepared),
        str(static),
        _Calibration(asked, training),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    yield _onnx_runtime("onnxruntime int8 static", static)
    quantize_dynamic(str(prepared), str(dynamic), weight_type=QuantType.QUInt8)
    yield _onnx_runtime("onnxruntime int8 dynamic", dynamic)


def _openvino(weights: Path) -> Iterator[Runtime]:
    try:
        openvino = importlib.import_module("openvino")
    except ImportError:
        return
    core = openvino.Core()
    for precision in ("f32", "bf16"):
        compiled = core.compile_model(
            str(weights),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
            },
        )
        request = compiled.create_infer_request()

        def infer(inputs: Inputs, request: Any = request) -> npt.NDArray[np.float32]:
            return np.array(request.infer({0: inputs})[0], dtype=np.float32)

        yield Runtime(f"openvino {precision}", infer)
