import itertools
from dataclasses import asdict
from pathlib import Path

import pytest
from fer_pictures import write_fer2013

from moodcue_fer.training import ablation
from moodcue_fer.training.ablation import AVERAGE_DECAY, FULL, PLAIN, ablate, steps


def flat(settings: dict[str, object]) -> dict[str, object]:
    inner = settings.pop("augmentation")
    assert isinstance(inner, dict)
    return settings | inner


def test_each_step_adds_to_the_one_before_and_the_last_is_the_whole_recipe() -> None:
    configs = [flat(asdict(config)) for config in steps().values()]
    for before, after in itertools.pairwise(configs):
        assert any(before[name] != after[name] for name in before)
    assert configs[0] == flat(asdict(PLAIN))
    shorter = {"shape": configs[-1]["shape"], "average_decay": AVERAGE_DECAY}
    whole = flat(asdict(FULL)) | shorter
    assert configs[-1] == whole


def test_every_step_is_trained_and_measured_on_public_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_fer2013(tmp_path / "data", training=300, test=14)
    two = dict(list(steps().items())[:2])
    monkeypatch.setattr(ablation, "steps", lambda: two)
    records = list(
        ablate(data, folder=tmp_path / "runs", epochs=1, device="cpu", threads=1, yunet=None)
    )
    assert [record["ingredient"] for record in records] == list(two)
    assert {record["n"] for record in records} == {14}
    assert all(0 <= record["accuracy_over_changes"] <= 1 for record in records)
