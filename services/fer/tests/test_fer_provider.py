import os
import subprocess
import sys

import onnxruntime
import pytest

from moodcue.errors import ModelError
from moodcue_fer.model import FerModel

needs_cpu_build = pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this ONNX Runtime knows CUDA",
)


@needs_cpu_build
def test_a_provider_that_is_not_installed_is_an_error_that_says_where_to_read_on() -> None:
    with pytest.raises(ModelError, match="On a GPU"):
        FerModel(provider="cuda")


@needs_cpu_build
def test_a_worker_that_is_to_use_cuda_and_cannot_ends_with_one_clear_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "moodcue_fer", "run"],
        env={**os.environ, "MOODCUE_FER_PROVIDER": "cuda"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "MOODCUE_FER_PROVIDER=cuda" in done.stderr.splitlines()[-1]
