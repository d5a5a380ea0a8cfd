import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from mer_checkpoints import write_checkpoint, write_taggers
from mer_datasets import make_dataset

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402 - torch is looked for first
from torch.nn import functional  # noqa: E402

from moodcue.library_index import read_manifest  # noqa: E402
from moodcue.model_folder import WEIGHTS, load_manifest  # noqa: E402
from moodcue.songs import open_songs  # noqa: E402
from moodcue.taxonomy import QUADRANTS  # noqa: E402
from moodcue_mer_indexer.analysis import Analysed, analyse_file  # noqa: E402
from moodcue_mer_indexer.evaluate import evaluate_held_out_folds, evaluate_model  # noqa: E402
from moodcue_mer_indexer.training.backbone import (  # noqa: E402
    FEATURES,
    TAGGER_MEL,
    load_backbone,
)
from moodcue_mer_indexer.training.export import export_onnx  # noqa: E402
from moodcue_mer_indexer.training.heads import (  # noqa: E402
    HeadSettings,
    fit_heads,
    fit_temperature,
    song_logits,
)
from moodcue_mer_indexer.training.package import ExportError, export_run  # noqa: E402
from moodcue_mer_indexer.training.quantize import quantize  # noqa: E402
from moodcue_mer_indexer.training.run import TrainingError, train  # noqa: E402
from moodcue_mer_indexer.training.tensor_bundle import (  # noqa: E402
    CheckpointError,
    read_tensors,
)

EXPORTER_NOISE = "ignore:.*:DeprecationWarning"
QUICK = HeadSettings(heads=2, hidden=16, epochs=12, batch_size=8)


@pytest.fixture(scope="module")
def taggers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_taggers(tmp_path_factory.mktemp("musicnn") / "musicnn")


@pytest.fixture(scope="module")
def finished(taggers: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset and the run that was trained on it."""
    folder = tmp_path_factory.mktemp("mer")
    data = make_dataset(folder / "data", songs=16, seconds=7.0)
    out = folder / "run"
    train(data, taggers=taggers, out=out, cache=out / "c", folds=2, settings=QUICK, jobs=1)
    return data, out


def patches(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    shape = (count, TAGGER_MEL.n_mels, TAGGER_MEL.patch_frames)
    noise: Tensor = torch.randn(shape, generator=generator) * 12 - 35
    return noise


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    written = {
        f"layer_{n}/kernel": generator.normal(size=(3, n + 1, 70)).astype(np.float32)
        for n in range(12)
    }
    read = read_tensors(write_checkpoint(tmp_path / "model", written))

    assert read.keys() == written.keys()
    for name, values in written.items():
        np.testing.assert_array_equal(read[name], values)


def test_a_folder_without_a_checkpoint_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        read_tensors(tmp_path / "nothing")

    folder = write_checkpoint(tmp_path / "m", {"a": np.zeros(3, dtype=np.float32)})
    (folder / ".index").write_bytes((folder / ".index").read_bytes()[:-60])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(folder)


def test_another_network_is_no_backbone(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "MSD_musicnn", {"a": np.zeros(3, dtype=np.float32)})

    with pytest.raises(CheckpointError, match=r"musicnn 0\.1\.0"):
        load_backbone(tmp_path)


def test_pooling_before_the_normalisation_gives_what_pooling_after_it_gives(taggers: Path) -> None:
    """The order of the original: convolution, rectification, normalisation, pooling."""
    layer = load_backbone(taggers).small.layers[1]
    tensors = {k: torch.from_numpy(v) for k, v in read_tensors(taggers / "MSD_vgg").items()}
    features = torch.randn(2, 128, 20, 16, generator=torch.Generator().manual_seed(1))
    kernel = tensors["2CNN/kernel"].permute(3, 2, 0, 1)
    rectified = torch.relu(functional.conv2d(features, kernel, tensors["2CNN/bias"], padding=1))
    norm = "batch_normalization_2"
    normed = functional.batch_norm(
        rectified,
        tensors[f"{norm}/moving_mean"],
        tensors[f"{norm}/moving_variance"],
        tensors[f"{norm}/gamma"],
        tensors[f"{norm}/beta"],
        eps=1e-3,
    )

    with torch.no_grad():
        found = layer(features)

    assert (tensors[f"{norm}/gamma"] < 0).any()
    torch.testing.assert_close(found, functional.max_pool2d(normed, 2, 2), atol=1e-4, rtol=1e-4)


def test_the_backbone_is_small_and_gives_the_same_for_a_patch_alone_and_among_others(
    taggers: Path,
) -> None:
    backbone = load_backbone(taggers)
    some = patches(3)

    with torch.no_grad():
        together, alone = backbone(some), backbone(some[1:2])

    assert together.shape == (3, FEATURES)
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-4)
    assert sum(p.numel() for p in backbone.parameters()) < 1_100_000


def test_heads_learn_what_separates_the_quadrants_and_the_same_seed_gives_the_same() -> None:
    generator = np.random.default_rng(2)
    truth = np.arange(80) % 4
    centres = generator.normal(0, 1, (4, 12))
    songs = [(centres[q] + generator.normal(0, 1.5, (5, 12))).astype(np.float16) for q in truth]
    targets = np.eye(4, dtype=np.float32)[truth]

    first = song_logits(fit_heads(songs[:40], targets=targets[:40], settings=QUICK), songs[40:])
    again = song_logits(fit_heads(songs[:40], targets=targets[:40], settings=QUICK), songs[40:])

    assert (first.argmax(axis=1) == truth[40:]).mean() > 0.6
    np.testing.assert_array_equal(first, again)


def test_the_temperature_undoes_overconfidence() -> None:
    generator = np.random.default_rng(6)
    logits = generator.normal(0, 1.5, (4000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = [generator.choice(4, p=row) for row in chances]

    temperature = fit_temperature(logits * 3, np.eye(4, dtype=np.float32)[drawn])

    assert temperature == pytest.approx(3, rel=0.06)


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_a_run_gives_a_model_that_serves_and_figures_of_songs_not_seen(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    data, run = finished
    manifest = export_run(run, out=tmp_path / "model")

    assert load_manifest(tmp_path / "model", labels=QUADRANTS).sha256 == manifest.sha256
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "musicnn` 0.1.0" in card
    assert "16 clips of 30 s of the 4Q audio emotion dataset" in card
    assert "DEAM (" not in card
    held_out = evaluate_held_out_folds(data, run=run, workers=1)
    assert held_out["seen_in_training"] == 0
    assert held_out["n"] == 16
    known = evaluate_model(data, model_folder=tmp_path / "model", workers=1)
    assert known["protocol"] == "training songs"
    # Quiet noise against loud noise: half of the plane can be told even by random filters.
    assert known["arousal_accuracy"] > 0.8


def test_a_file_that_a_fold_model_knows_under_another_name_is_counted(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    data, run = finished
    folds = json.loads((run / "folds.json").read_text(encoding="utf-8"))
    first = next(iter(folds))
    other = next(file for file in folds if folds[file] != folds[first])
    copied = tmp_path / "data"
    shutil.copytree(data, copied)
    shutil.copyfile(copied / first, copied / other)

    report = evaluate_held_out_folds(copied, run=run, workers=1)

    assert report["seen_in_training"] == 1


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_what_the_fold_models_hear_can_be_published_as_an_index(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    data, run = finished
    folds = json.loads((run / "folds.json").read_text(encoding="utf-8"))

    evaluate_held_out_folds(data, run=run, workers=1, index=tmp_path)

    songs = list(open_songs(tmp_path, read_manifest(tmp_path)))
    assert {song.path for song in songs} == folds.keys()
    for song in songs[::5]:
        model = run / f"fold-{folds[song.path]:02d}"
        heard = analyse_file(data / song.path, model_folder=model)
        assert isinstance(heard, Analysed)
        assert song.quadrants == pytest.approx(heard.emotion.quadrants, abs=1e-5)


@pytest.mark.parametrize(
    ("dataset", "named"),
    [("DEAM", "16 songs of DEAM (Aljanaki"), ("own music", "16 songs that whoever trained it")],
)
def test_the_card_names_the_data_that_the_model_learned_from(
    finished: tuple[Path, Path], tmp_path: Path, dataset: str, named: str
) -> None:
    _, finished_run = finished
    run = tmp_path / "run"
    shutil.copytree(finished_run / "final", run / "final")
    shutil.copy(finished_run / "metrics.json", run)
    manifest = json.loads((run / "final" / "manifest.json").read_text(encoding="utf-8"))
    manifest["training"]["dataset"] = dataset
    (run / "final" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    export_run(run, out=tmp_path / "model")

    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert named in card
    assert "4Q audio" not in card


def test_quantizing_says_nothing_of_every_filter_that_never_answers(
    taggers: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backbone = load_backbone(taggers)
    backbone.state_dict()["filters.front.0.convolution.weight"].mul_(1e-25)
    export_onnx(backbone, path=tmp_path / "exact.onnx", mel=TAGGER_MEL, output="figures")

    with caplog.at_level(logging.INFO):
        quantize(tmp_path / "exact.onnx", tmp_path / "q.onnx", patches=patches(2).numpy())

    assert [record.message for record in caplog.records if record.name == "root"] == []


def test_a_run_names_no_file_of_the_machine_that_trained_it(finished: tuple[Path, Path]) -> None:
    _, run = finished
    content = (run / "final" / WEIGHTS).read_bytes()

    assert b"/site-packages/" not in content
    assert str(Path.cwd()).encode() not in content


def test_a_second_call_reuses_what_was_heard_and_gives_the_same_figures(
    finished: tuple[Path, Path], taggers: Path
) -> None:
    data, run = finished
    before = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    heard = {path: path.stat().st_mtime_ns for path in (run / "c").rglob("*.npy")}

    again = train(data, taggers=taggers, out=run, cache=run / "c", folds=2, settings=QUICK, jobs=1)

    assert again == before
    assert heard
    assert {path: path.stat().st_mtime_ns for path in heard} == heard


def test_a_folder_of_another_run_is_refused(finished: tuple[Path, Path], taggers: Path) -> None:
    data, run = finished

    with pytest.raises(TrainingError, match="other settings"):
        train(
            data,
            taggers=taggers,
            out=run,
            cache=run / "c",
            folds=2,
            settings=HeadSettings(),
            jobs=1,
        )


def test_a_folder_without_a_finished_run_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no finished run"):
        export_run(tmp_path, out=tmp_path / "model")
