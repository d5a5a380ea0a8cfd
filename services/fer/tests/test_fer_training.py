import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fer_pictures import drawn_faces, write_fer2013
from torch.nn import functional

from moodcue_fer.datasets import Fer2013, load_fer2013
from moodcue_fer.evaluation import evaluate
from moodcue_fer.model import FerModel
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.augment import Augmentation, augment, standardise
from moodcue_fer.training.config import TrainingConfig
from moodcue_fer.training.data import LabelOfVotes, soft_targets, split_training, vote_shares
from moodcue_fer.training.export import (
    ServedNetwork,
    check_quantization,
    export,
    fit_temperature,
    write_onnx,
)
from moodcue_fer.training.frontality import frontality_of, measure_frontality
from moodcue_fer.training.losses import Targets, loss_of
from moodcue_fer.training.network import Answers, FaceNetwork, NetworkShape
from moodcue_fer.training.precision import knows_bfloat16, mixed_precision
from moodcue_fer.training.run import BEST, CHECKPOINT, FRONTALITY_FILE, LOG, TrainingError
from moodcue_fer.training.train import Trainer, load_network, train

CHANGES: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 28,
    "average_decay": 0.5,
    "held_out_share": 0.2,
    "learning_rate": 0.03,
    "shape": NetworkShape(stem=8, widths=(16, 32, 48)),
}
STILL = Augmentation(window=48).times(0)
EXPORTER_NOISE = "ignore:.*:FutureWarning"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_fer2013(tmp_path / "data", training=211, test=14)


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
    targets = soft_targets(faces, vote_share=0.5, smoothing=0.07, debias=False)
    # The label of row 3 is happiness; the single vote for fear is a slip.
    by_hand = 0.93 * np.array([0, 0, 0, 0.5 + 0.5 * 6 / 9, 0, 0.5 * 3 / 9, 0]) + 0.01
    assert targets[3] == pytest.approx(by_hand, abs=1e-6)
    assert targets[4].max() == pytest.approx(0.94)


def test_votes_are_read_as_the_labels_that_go_with_them() -> None:
    # Where the crowd says neutral, the labels say sadness in two of three cases.
    shares = np.zeros((300, 10), dtype=np.float32)
    shares[:, 6] = 1
    labels = np.where(np.arange(300) % 3 == 0, 6, 4)
    (row,) = LabelOfVotes(shares, labels)(shares[:1])
    assert row[4] == pytest.approx(2 / 3, abs=0.02)
    assert row[6] == pytest.approx(1 / 3, abs=0.02)


def test_shares_of_votes_keep_what_is_none_of_the_seven(data: Path) -> None:
    faces = load_fer2013(data)
    faces.votes[0] = [0, 0, 0, 4, 0, 1, 0]
    faces.other_votes[0] = [4, 0, 0]
    faces.votes[1] = faces.other_votes[1] = 0
    shares = vote_shares(faces)
    assert shares[0].tolist() == [0, 0, 0, 0.5, 0, 0, 0, 0.5, 0, 0]
    assert not shares[1].any()


def test_no_augmentation_is_the_preprocessed_picture_or_its_mirror(data: Path) -> None:
    pictures = load_fer2013(data).crops[:40]
    crops = torch.from_numpy(preprocess(pictures))
    changed = augment(
        torch.from_numpy(pictures).unsqueeze(1),
        settings=STILL,
        generator=torch.Generator().manual_seed(1),
    )
    same = (changed - crops).abs().amax(dim=(1, 2, 3)) < 1e-3
    mirrored = (changed - crops.flip(-1)).abs().amax(dim=(1, 2, 3)) < 1e-3
    assert bool((same ^ mirrored).all())
    assert 8 < int(same.sum()) < 32


def test_coarse_faces_are_reduced_by_area_and_enlarged_bicubically(data: Path) -> None:
    crops = torch.from_numpy(load_fer2013(data).crops[:12]).unsqueeze(1)
    changed = augment(
        crops,
        settings=replace(STILL, coarse_share=1, coarse_pixels=47),
        generator=torch.Generator().manual_seed(1),
    )
    small = functional.interpolate(crops.float(), size=(47, 47), mode="area")
    large = functional.interpolate(small, size=(48, 48), mode="bicubic").clamp(0, 255)
    wanted = standardise(large)
    same = (changed - wanted).abs().amax(dim=(1, 2, 3)) < 1e-3
    mirrored = (changed - wanted.flip(-1)).abs().amax(dim=(1, 2, 3)) < 1e-3
    assert bool((same | mirrored).all())


def test_every_coarse_face_has_a_size_of_its_own(data: Path) -> None:
    face = torch.from_numpy(load_fer2013(data).crops[:1]).unsqueeze(1)
    changed = augment(
        face.expand(64, 1, 48, 48),
        settings=replace(STILL, coarse_share=0.5),
        generator=torch.Generator().manual_seed(1),
    )
    coarse, fine = (
        len({row.numpy().round(3).tobytes() for row in half}) for half in changed.chunk(2)
    )
    assert fine == 2
    assert coarse > 10


def test_augmentation_depends_on_its_generator_alone(data: Path) -> None:
    crops = torch.from_numpy(load_fer2013(data).crops[:8]).unsqueeze(1)
    first, again, other = (
        augment(crops, settings=Augmentation(), generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert first.shape == (8, 1, 44, 44)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_flat_crop_is_not_blown_up_in_training_either() -> None:
    flat = np.full((1, 48, 48), 90, dtype=np.uint8)
    flat[0, 0, 0] = 91
    trained = standardise(torch.from_numpy(flat).unsqueeze(1).float())
    assert trained.numpy() == pytest.approx(preprocess(flat), abs=1e-5)


def test_frontality_is_one_for_a_nose_in_the_middle_and_zero_beyond_an_eye() -> None:
    def row(nose: float) -> np.ndarray:
        # box, then right eye, left eye, nose as x, y; the line of the eyes is tilted.
        place = (10 + nose * 20, 10 + nose * 10)
        return np.array([0, 0, 40, 40, 10, 10, 30, 20, *place, 0, 0, 0, 0, 0.9], np.float32)

    assert frontality_of(row(0.5)) == pytest.approx(1)
    assert frontality_of(row(0.25)) == pytest.approx(0.5)
    assert frontality_of(row(1.2)) == 0


def test_frontality_of_real_faces_is_measured_where_there_is_a_face(shared_data: Path) -> None:
    yunet = shared_data / "face_detection_yunet.onnx"
    faces = load_fer2013(shared_data / "fer2013").crops[:40]
    wall = np.full((1, 48, 48), 120, dtype=np.uint8)
    frontality = measure_frontality(np.concatenate([faces, wall]), yunet=yunet)
    known = frontality[np.isfinite(frontality)]
    assert len(known) > 32
    assert known.min() >= 0
    assert known.max() <= 1
    assert np.median(known) > 0.7
    assert np.isnan(frontality[-1])


def test_votes_of_nobody_and_unknown_frontality_cost_nothing() -> None:
    answers = Answers(
        labels=torch.zeros(2, 7), votes=torch.randn(2, 10), frontality=torch.tensor([3.0, -3.0])
    )
    targets = Targets(
        labels=torch.full((2, 7), 1 / 7),
        votes=torch.zeros(2, 10),
        frontality=torch.full((2,), torch.nan),
    )
    assert loss_of(answers, targets, config=TrainingConfig()).item() == pytest.approx(np.log(7))


def test_the_network_is_small() -> None:
    assert sum(weights.numel() for weights in FaceNetwork().parameters()) < 3_000_000


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


def test_a_run_on_other_data_or_from_another_start_is_not_continued(
    data: Path, tmp_path: Path
) -> None:
    faces, config = load_fer2013(data), TrainingConfig(**CHANGES)
    folder = tmp_path / "run"
    next(Trainer(faces, folder=folder, config=config).run())
    start, _ = load_network(folder)
    others: list[tuple[Fer2013, dict[str, Any]]] = [
        (faces.select(np.arange(len(faces.labels)) != 5), {}),
        (faces, {"start": start}),
        (faces, {"teachers": [start]}),
    ]
    for other, given in others:
        with pytest.raises(TrainingError, match="on other data, with another --teacher or --start"):
            next(Trainer(other, folder=folder, config=config, **given).run())
    assert next(Trainer(faces, folder=folder, config=config).run())["epoch"] == 2


def test_frontality_that_a_run_began_with_stays_without_naming_yunet_again(
    data: Path, tmp_path: Path
) -> None:
    faces, config = load_fer2013(data), TrainingConfig(**CHANGES)
    train_faces = split_training(faces, held_out_share=0.2, seed=config.split_seed).train
    runs = {name: tmp_path / name for name in ("with", "without")}
    for folder in runs.values():
        folder.mkdir()
    np.save(runs["with"] / FRONTALITY_FILE, np.zeros(len(train_faces.labels), dtype=np.float32))
    losses = {
        name: next(Trainer(faces, folder=folder, config=config).run())["loss"]
        for name, folder in runs.items()
    }
    assert losses["with"] > losses["without"]
    (runs["with"] / FRONTALITY_FILE).unlink()
    with pytest.raises(TrainingError, match="without --yunet"):
        next(Trainer(faces, folder=runs["with"], config=config).run())


@pytest.mark.parametrize("device", ["no-device", "cuda:99"])
def test_a_device_that_is_not_there_is_one_clear_line(
    device: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=f"--device {device} cannot be used here .*cpu"):
        Trainer(load_fer2013(data), folder=tmp_path, config=TrainingConfig(), device=device)


def test_more_pictures_per_step_than_there_are_is_refused(data: Path, tmp_path: Path) -> None:
    config = TrainingConfig(**CHANGES | {"batch_size": 1000})
    with pytest.raises(TrainingError, match="a batch of 1000 is more than the"):
        Trainer(load_fer2013(data), folder=tmp_path, config=config)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(data: Path, tmp_path: Path) -> None:
    faces, config = load_fer2013(data), TrainingConfig(**CHANGES)
    trainer = Trainer(faces, folder=tmp_path, config=config)
    records = trainer.run()
    next(records)
    before = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / f"{CHECKPOINT}.partial").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match="make room on its disk"):
        next(records)
    assert (tmp_path / CHECKPOINT).read_bytes() == before

    (tmp_path / f"{CHECKPOINT}.partial").unlink()
    list(Trainer(faces, folder=tmp_path, config=config).run())
    logged = [record["epoch"] for record in log(tmp_path) if "epoch" in record]
    assert logged == list(range(1, config.epochs + 1)), "each epoch once"


def test_a_damaged_checkpoint_is_one_clear_line(data: Path, tmp_path: Path) -> None:
    faces, config = load_fer2013(data), TrainingConfig(**CHANGES)
    next(Trainer(faces, folder=tmp_path, config=config).run())
    for name in (CHECKPOINT, BEST):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:5000])
    with pytest.raises(TrainingError, match=f"{CHECKPOINT} is damaged"):
        next(Trainer(faces, folder=tmp_path, config=config).run())
    with pytest.raises(TrainingError, match=f"{BEST} is damaged"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("known", "wanted", "kind"),
    [
        (True, True, torch.bfloat16),
        (True, False, torch.float32),
        (False, True, torch.float32),
    ],
)
def test_bfloat16_is_taken_only_where_it_is_known_and_wanted(
    *, known: bool, wanted: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moodcue_fer.training.precision.knows_bfloat16", lambda _: known)
    with mixed_precision(torch.device("cpu"), wanted=wanted):
        answer = torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
    assert answer.dtype == kind


def test_what_a_processor_says_of_itself_decides_whether_bfloat16_is_known() -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    if "avx512_bf16" in flags or "amx_bf16" in flags:
        assert knows_bfloat16(torch.device("cpu"))
    if "avx512" not in flags:
        assert not knows_bfloat16(torch.device("cpu"))
    assert not knows_bfloat16(torch.device("meta"))


def test_a_run_may_be_cut_short_and_still_ends_its_schedule(data: Path, tmp_path: Path) -> None:
    next(train(data, folder=tmp_path, changes=CHANGES, device="cpu", threads=1))
    shorter = CHANGES | {"epochs": 2}
    (last,) = train(data, folder=tmp_path, changes=shorter, device="cpu", threads=1)
    assert last["epoch"] == 2
    assert {"epochs": 2, "calm_epochs": 0, "from_epoch": 1} in log(tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["optimizer"]["param_groups"][0]["lr"] < 0.05 * CHANGES["learning_rate"]


def test_calm_epochs_are_the_last_ones_and_see_less_change(data: Path, tmp_path: Path) -> None:
    same = {"mixup": 0.3, "epochs": 2}
    losses = {}
    for calm in (0, 1, 2):
        changes = CHANGES | same | {"calm_epochs": calm}
        records = train(data, folder=tmp_path / str(calm), changes=changes, device="cpu", threads=1)
        losses[calm] = [record["loss"] for record in records]
    assert losses[0][0] == losses[1][0] != losses[2][0]
    assert losses[1][1] < losses[0][1]


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_an_exported_run_is_served_as_it_was_trained(data: Path, tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "model"
    # Enough that no face of the few is on the fence, where int8 decides by rounding.
    changes = CHANGES | {"epochs": 12, "learning_rate": 0.1}
    list(train(data, folder=run, changes=changes, device="cpu", threads=1))
    manifest = export(run, data=data, folder=folder, mirror=True)
    model = FerModel(folder)
    assert model.manifest.sha256 == manifest["sha256"]
    assert model.manifest.training["config"]["epochs"] == 12
    parity = model.manifest.metrics["parity_with_torch"]
    assert parity["float32_largest_difference"] <= 1e-5
    assert parity["int8_mean_difference"] <= 0.01
    assert parity["int8_same_answer"] >= 0.97
    held_out = split_training(load_fer2013(data), held_out_share=0.2, seed=7).held_out
    figures = evaluate(model.read(held_out.crops).probabilities, held_out.labels)
    # Stripes of seven widths: learnt far above the 1/7 of chance within twelve epochs.
    assert figures["accuracy"] > 0.5
    served = model.manifest.metrics["held_out_of_training"]
    assert served["accuracy"] == pytest.approx(figures["accuracy"])
    assert served["n"] == 42


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_an_exported_file_says_nothing_of_the_machine_that_made_it(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    network = FaceNetwork(NetworkShape(stem=8, widths=(16, 32, 48)))
    write_onnx(ServedNetwork(network).eval(), path)
    content = path.read_bytes()
    assert b".py" not in content
    assert str(Path.cwd()).encode() not in content
    assert b"moodcue" not in content


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_frontality_is_served_where_it_was_learned(
    data: Path, tmp_path: Path, shared_data: Path
) -> None:
    run, folder = tmp_path / "run", tmp_path / "model"
    yunet = shared_data / "face_detection_yunet.onnx"
    changes = CHANGES | {"epochs": 1}
    list(train(data, folder=run, changes=changes, device="cpu", threads=1, yunet=yunet))
    manifest = export(run, data=data, folder=folder, mirror=False, int8=False)
    assert manifest["training"]["precision"] == "float32"
    crops = load_fer2013(data).crops[:3]
    assert not np.array_equal(FerModel(folder).read(crops).frontality, np.ones(3))


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_logit_adjustment_takes_the_mix_of_the_training_data_out(
    data: Path, tmp_path: Path
) -> None:
    faces = load_fer2013(data)
    uneven = faces.select((faces.labels != 2) | (np.arange(len(faces.labels)) % 3 == 0))
    list(Trainer(uneven, folder=tmp_path / "run", config=TrainingConfig(**CHANGES)).run())
    models = {}
    for adjustment in (0.0, 0.5, 1.0):
        export(
            tmp_path / "run",
            data=data,
            folder=tmp_path / "model",
            mirror=True,
            int8=False,
            logit_adjustment=adjustment,
        )
        models[adjustment] = FerModel(tmp_path / "model")
    prior = np.array(models[0.0].manifest.training["prior"])
    assert models[1.0].manifest.training["prior"] == pytest.approx([1 / 7] * 7)
    for adjustment, model in models.items():
        as_they_were = models[0.0].read(faces.crops[:9]).probabilities / prior**adjustment
        wanted = as_they_were / as_they_were.sum(axis=1, keepdims=True)
        assert model.read(faces.crops[:9]).probabilities == pytest.approx(wanted, abs=1e-4)
        expected = prior ** (1 - adjustment)
        told = model.manifest.training["prior"]
        assert told == pytest.approx((expected / expected.sum()).tolist())


def test_a_pupil_learns_from_the_answers_of_its_teachers(data: Path, tmp_path: Path) -> None:
    faces = load_fer2013(data)
    config = TrainingConfig(**CHANGES | {"epochs": 2, "teacher_share": 1.0, "votes_weight": 0.0})
    teacher = FaceNetwork(NetworkShape(stem=8, widths=(16, 32, 48)))
    with torch.no_grad():
        teacher.labels.weight.zero_()
        teacher.labels.bias.copy_(torch.tensor([0, 0, 0, 0, 0, 0, 9.0]))
    # Whatever the labels and the changes are, this teacher says neutral.
    *_, last = Trainer(faces, folder=tmp_path, config=config, teachers=[teacher]).run()
    assert last["held_out_accuracy"] == pytest.approx(1 / 7, abs=0.03)


def test_a_run_that_starts_from_another_one_begins_with_its_weights(
    data: Path, tmp_path: Path
) -> None:
    faces = load_fer2013(data)
    config = TrainingConfig(**CHANGES | {"epochs": 1, "learning_rate": 1e-9})
    list(Trainer(faces, folder=tmp_path / "first", config=TrainingConfig(**CHANGES)).run())
    start, _ = load_network(tmp_path / "first")
    list(Trainer(faces, folder=tmp_path / "second", config=config, start=start).run())
    after, _ = load_network(tmp_path / "second")
    assert torch.allclose(after.labels.weight, start.labels.weight, atol=1e-6)


def test_int8_that_gives_other_answers_is_refused() -> None:
    crops, _ = drawn_faces(20, seed=1)
    model = FerModel()
    wanted = model.read(crops).probabilities
    assert check_quantization(model, crops=crops, wanted=wanted)["int8_same_answer"] == 1
    with pytest.raises(TrainingError, match=r"gives 0\.0% of its answers"):
        check_quantization(model, crops=crops, wanted=np.roll(wanted, 1, axis=1))


def test_a_folder_without_a_run_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no run"):
        export(tmp_path, data=tmp_path, folder=tmp_path / "model", mirror=True)


def test_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(4000, 7, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits, labels) == pytest.approx(1, abs=0.1)
    assert fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, abs=0.2)
