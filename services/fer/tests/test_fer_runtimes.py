from pathlib import Path

import pytest
from fer_pictures import write_fer2013

from moodcue_fer.model import SHIPPED_MODEL
from moodcue_fer.training import runtimes
from moodcue_fer.training.runtimes import compare_runtimes


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_runtimes_are_timed_and_compared_with_the_one_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fer2013(tmp_path, training=40, test=30)
    monkeypatch.setattr(runtimes, "ROUNDS", 3)
    monkeypatch.setattr(runtimes, "WARM_UP", 1)
    records = {
        record["runtime"]: record for record in compare_runtimes(SHIPPED_MODEL, data=tmp_path)
    }
    assert records["onnxruntime"]["largest_difference"] == 0
    assert set(records) >= {"onnxruntime", "onnxruntime int8 static", "onnxruntime int8 dynamic"}
    for record in records.values():
        assert set(record["milliseconds_per_face"]) == {"batch 1", "batch 2", "batch 4"}
        assert min(record["milliseconds_per_face"].values()) > 0
