from pathlib import Path

import pytest
from fer_pictures import write_fer2013

from moodcue_fer.training import runtimes
from moodcue_fer.training.network import NetworkShape
from moodcue_fer.training.runtimes import compare_runtimes
from moodcue_fer.training.train import train


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
def test_runtimes_are_timed_and_compared_with_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = write_fer2013(tmp_path / "data", training=200, test=30), tmp_path / "run"
    changes = {"epochs": 2, "batch_size": 16, "shape": NetworkShape(stem=8, widths=(16, 32, 48))}
    list(train(data, folder=run, changes=changes, device="cpu", threads=1))
    monkeypatch.setattr(runtimes, "ROUNDS", 3)
    monkeypatch.setattr(runtimes, "WARM_UP", 1)
    records = {
        record["runtime"]: record for record in compare_runtimes(run, data=data, mirror=False)
    }
    assert set(records) >= {"onnxruntime float32", "onnxruntime int8"}
    assert records["onnxruntime float32"]["mean_difference"] == 0
    assert 0 < records["onnxruntime int8"]["mean_difference"] < 0.05
    for record in records.values():
        assert set(record["milliseconds_per_face"]) == {"batch 1", "batch 2", "batch 4"}
        assert min(record["milliseconds_per_face"].values()) > 0
