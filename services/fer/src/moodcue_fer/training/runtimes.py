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

from moodcue_fer.datasets import load_fer2013
from moodcue_fer.model import PROBABILITIES
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.export import ServedNetwork, write_onnx
from moodcue_fer.training.quantize import quantize
from moodcue_fer.training.train import network_in

BATCHES: Final = (1, 2, 4)
WARM_UP: Final = 20
ROUNDS: Final = 200
MEASURE_BATCH: Final = 64

Inputs = npt.NDArray[np.float32]
Infer = Callable[[Inputs], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Runtime:
    """A way to serve a model: its name and what turns inputs into probabilities."""

    name: str
    infer: Infer


def compare_runtimes(run: Path, *, data: Path, mirror: bool) -> Iterator[dict[str, Any]]:
    """Time each runtime on one thread and measure it on PublicTest, one record each.

    OpenVINO is compared where it is installed.

    Args:
        run: Folder of a finished run, or of a model.
        data: Folder of FER2013; quantization is calibrated on some of its Training pictures.
        mirror: As for `export`.

    Raises:
        MoodcueError: The network or the data is missing.
    """
    faces = load_fer2013(data)
    test = faces.select(faces.usage == "PublicTest")
    training = preprocess(faces.crops[faces.usage == "Training"])
    inputs = preprocess(test.crops)
    reference: npt.NDArray[np.float32] | None = None
    with tempfile.TemporaryDirectory() as folder:
        float32, int8 = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        write_onnx(ServedNetwork(network_in(run), mirror=mirror).eval(), float32)
        quantize(float32, int8, inputs=training)
        runtimes = [
            _onnx_runtime("onnxruntime float32", float32),
            _onnx_runtime("onnxruntime int8", int8),
            *_openvino("float32", float32, hint="f32"),
            *_openvino("bfloat16", float32, hint="bf16"),
            *_openvino("int8", int8, hint="f32"),
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
                "mean_difference": float(np.abs(probabilities - reference).mean()),
                "same_answer": float((probabilities.argmax(1) == reference.argmax(1)).mean()),
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


def _openvino(name: str, weights: Path, *, hint: str) -> Iterator[Runtime]:
    try:
        openvino = importlib.import_module("openvino")
    except ImportError:
        return
    compiled = openvino.Core().compile_model(
        str(weights),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": hint,
        },
    )
    request = compiled.create_infer_request()

    def infer(inputs: Inputs) -> npt.NDArray[np.float32]:
        return np.array(request.infer({0: inputs})[0], dtype=np.float32)

    yield Runtime(f"openvino {name}", infer)
