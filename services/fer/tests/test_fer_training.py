import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fer_pictures import write_fer2013

from moodcue_fer.datasets import load_fer2013
from moodcue_fer.evaluation import evaluate
from moodcue_fer.model import FerModel
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.data import Augmentation, augment, soft_targets, split_training
from moodcue_fer.training.export import export, fit_temperature
from moodcue_fer.training.network import FaceNetwork
from moodcue_fer.training.train import (
    BEST,
    CHECKPOINT,
    LOG,
    Trainer,
    TrainingConfig,
    TrainingError,
    train,
)

CHANGES: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 28,
    "average_decay": 0.5,
    "held_out_share": 0.2,
    "learning_rate": 0.03,
}
EXPORTER_NOISE = "ignore:.*:FutureWarning"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path / "data"
    folder.mkdir()
    write_fer2013(folder, training=211, test=14)
    return folder


def log(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{name: entry[name] for name in entry if name != "seconds"} for entry in entries]


def test_identical_pictures_are_never_on_both_sides(data: Path) -> None:
    faces = load_fer2013(data)
    split = split_training(faces, held_out_share=0.2, seed=1)
    assert split.dropped_test_duplicates == 1
    test_groups = faces.groups[faces.usage == "PublicTest"]
    sides = [split.train.groups, split.held_out.groups, test_groups]
    assert len(np.unique(np.concatenate(sides))) == sum(len(np.unique(side)) for side in sides)
    assert len(split.held_out.labels) == 42


def test_pictures_that_the_crowd_calls_no_face_are_left_out(data: Path) -> None:
    faces = load_fer2013(data)
    faces.other_votes[0, 2] = 11
    split = split_training(faces, held_out_share=0.2, seed=1)
    assert split.dropped_non_faces == 1
    assert 0 not in split.train.groups


def test_targets_mix_label_votes_and_smoothing(data: Path) -> None:
    faces = load_fer2013(data)
    faces.votes[3] = [0, 0, 1, 6, 0, 3, 0]
    faces.votes[4] = 0
    targets = soft_targets(faces, vote_share=0.5, smoothing=0.07)
    # The label of row 3 is happiness; the single vote for fear is a slip.
    by_hand = 0.93 * np.array([0, 0, 0, 0.5 + 0.5 * 6 / 9, 0, 0.5 * 3 / 9, 0]) + 0.01
    assert targets[3] == pytest.approx(by_hand, abs=1e-6)
    assert targets[4].max() == pytest.approx(0.94)


def test_no_augmentation_is_the_middle_of_the_picture_or_its_mirror(data: Path) -> None:
    still = Augmentation(window=48, rotation_degrees=0, scale=0, contrast=0, brightness=0, cutout=0)
    crops = torch.from_numpy(preprocess(load_fer2013(data).crops[:40]))
    changed = augment(crops, settings=still, generator=torch.Generator().manual_seed(1))
    same = (changed - crops).abs().amax(dim=(1, 2, 3)) < 1e-3
    mirrored = (changed - crops.flip(-1)).abs().amax(dim=(1, 2, 3)) < 1e-3
    assert bool((same ^ mirrored).all())
    assert 8 < int(same.sum()) < 32


def test_augmentation_depends_on_its_generator_alone(data: Path) -> None:
    crops = torch.from_numpy(preprocess(load_fer2013(data).crops[:8]))
    first, again, other = (
        augment(crops, settings=Augmentation(), generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert first.shape == (8, 1, 40, 40)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_network_is_small() -> None:
    assert sum(weights.numel() for weights in FaceNetwork().parameters()) < 1_500_000


def test_a_resumed_run_ends_where_an_unbroken_one_does(data: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments: dict[str, Any] = {"changes": CHANGES, "device": "cpu", "threads": 1}
    records = list(train(data, folder=whole, **arguments))
    next(train(data, folder=broken, **arguments))
    assert len(list(train(data, folder=broken, **arguments))) == 2
    assert log(broken) == log(whole)
    weights = [
        torch.load(folder / BEST, weights_only=True)["network"] for folder in (whole, broken)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert records[-1]["loss"] < records[0]["loss"]


def test_a_folder_with_another_configuration_is_not_continued(data: Path, tmp_path: Path) -> None:
    faces = load_fer2013(data)
    next(Trainer(faces, folder=tmp_path, config=TrainingConfig(**CHANGES)).run())
    with pytest.raises(TrainingError, match="another configuration"):
        next(Trainer(faces, folder=tmp_path, config=TrainingConfig(**CHANGES | {"seed": 9})).run())


def test_a_run_may_be_cut_short_and_still_ends_its_schedule(data: Path, tmp_path: Path) -> None:
    next(train(data, folder=tmp_path, changes=CHANGES, device="cpu", threads=1))
    shorter = CHANGES | {"epochs": 2}
    (last,) = train(data, folder=tmp_path, changes=shorter, device="cpu", threads=1)
    assert last["epoch"] == 2
    assert {"epochs": 2, "from_epoch": 1} in log(tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["optimizer"]["param_groups"][0]["lr"] < 0.05 * CHANGES["learning_rate"]


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_an_exported_run_is_served_as_it_was_trained(data: Path, tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "model"
    list(train(data, folder=run, changes=CHANGES, device="cpu", threads=1))
    manifest = export(run, data=data, folder=folder, mirror=True)
    model = FerModel(folder)
    assert model.manifest.sha256 == manifest["sha256"]
    assert model.manifest.training["config"]["epochs"] == 3
    assert model.manifest.metrics["parity_with_torch"] <= 1e-5
    held_out = split_training(load_fer2013(data), held_out_share=0.2, seed=7).held_out
    figures = evaluate(model.probabilities(held_out.crops), held_out.labels)
    # Stripes of seven widths: learnt far above the 1/7 of chance within three epochs.
    assert figures["accuracy"] > 0.5
    served = model.manifest.metrics["held_out_of_training"]
    assert served["accuracy"] == pytest.approx(figures["accuracy"])
    assert served["n"] == 42


def test_a_folder_without_a_run_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no run"):
        export(tmp_path, data=tmp_path, folder=tmp_path / "model", mirror=True)


def test_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(4000, 7, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits, labels) == pytest.approx(1, abs=0.1)
    assert fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, abs=0.2)
