import json
import warnings
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mer_datasets import make_dataset
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from moodcue.model_folder import WEIGHTS, load_manifest  # noqa: E402 - torch is looked for first
from moodcue.taxonomy import QUADRANTS  # noqa: E402
from moodcue_mer_indexer.dataset import load_labels  # noqa: E402
from moodcue_mer_indexer.evaluate import (  # noqa: E402
    evaluate_held_out_folds,
    evaluate_model,
)
from moodcue_mer_indexer.mel import MelSettings  # noqa: E402
from moodcue_mer_indexer.model import MerModel, QuadrantNetwork  # noqa: E402
from moodcue_mer_indexer.training.augment import Augmentation, augment, crop, mix  # noqa: E402
from moodcue_mer_indexer.training.cache import load_spectrograms  # noqa: E402
from moodcue_mer_indexer.training.export import export_onnx  # noqa: E402
from moodcue_mer_indexer.training.fit import FitSettings, fit  # noqa: E402
from moodcue_mer_indexer.training.folds import assign_folds  # noqa: E402
from moodcue_mer_indexer.training.network import MerNetwork  # noqa: E402
from moodcue_mer_indexer.training.package import ExportError, export_run  # noqa: E402
from moodcue_mer_indexer.training.run import MEL_SETTINGS, TrainingError, train  # noqa: E402

CPU = torch.device("cpu")
TINY = FitSettings(epochs=2, batch_size=8, patch_frames=64, seed=3)


def spectrograms(count: int = 12, *, frames: int = 80) -> list[NDArray[np.float16]]:
    generator = np.random.default_rng(1)
    return [
        generator.normal(-20 - 5 * (i % 4), 5, (64, frames)).astype(np.float16)
        for i in range(count)
    ]


def quadrants(count: int = 12) -> NDArray[np.int64]:
    return np.arange(count) % 4


def weights(network: MerNetwork) -> list[NDArray[np.float32]]:
    return [value.numpy() for value in network.state_dict().values()]


def train_network(checkpoint: Path, *, epochs: int, stop_after: int | None = None) -> MerNetwork:
    class Interruption(Exception):  # noqa: N818 - stands for Ctrl-C
        pass

    def report(epoch: int, _: float) -> None:
        if epoch == stop_after:
            raise Interruption

    settings = msgspec.structs.replace(TINY, epochs=epochs)
    arguments = {"settings": settings, "checkpoint": checkpoint, "device": CPU, "report": report}
    try:
        return fit(spectrograms(), quadrants=quadrants(), **arguments)
    except Interruption:
        return train_network(checkpoint, epochs=epochs)


def test_a_resumed_training_gives_the_weights_of_one_that_was_not_interrupted(
    tmp_path: Path,
) -> None:
    whole = train_network(tmp_path / "a.pt", epochs=4)
    resumed = train_network(tmp_path / "b.pt", epochs=4, stop_after=2)

    for expected, found in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_training_learns_what_separates_the_quadrants(tmp_path: Path) -> None:
    losses: list[float] = []
    fit(
        spectrograms(),
        quadrants=quadrants(),
        settings=msgspec.structs.replace(
            TINY, epochs=12, augmentation=Augmentation(gain_db=0, mixup_alpha=0)
        ),
        checkpoint=tmp_path / "c.pt",
        device=CPU,
        report=lambda _, loss: losses.append(loss),
    )

    assert losses[-1] < 0.75 * losses[0]


def test_the_network_is_small() -> None:
    network = MerNetwork(n_mels=MEL_SETTINGS.n_mels)

    assert sum(parameter.numel() for parameter in network.parameters()) <= 1_500_000


def test_onnx_gives_what_torch_gives_for_any_number_of_patches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MerNetwork(n_mels=64).eval()
    path = tmp_path / "model.onnx"
    export_onnx(network, path=path, n_mels=64, patch_frames=256)
    served = QuadrantNetwork(path, settings=MEL_SETTINGS)

    for count in (1, 2, 7):
        noise = np.random.default_rng(count).normal(-30, 15, (count, 64, 256))
        patches = noise.astype(np.float32)
        with torch.no_grad():
            expected = torch.softmax(network(torch.from_numpy(patches)), dim=1).numpy()
        found = served.patch_probabilities(patches)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_artist_is_on_both_sides_and_the_split_never_changes(shared_data: Path) -> None:
    songs = load_labels(shared_data / "4q")

    folds = assign_folds(songs, folds=10, seed=7)

    home = {song.artist: int(fold) for song, fold in zip(songs, folds, strict=True)}
    assert [home[song.artist] for song in songs] == folds.tolist()
    sizes = np.bincount(folds)
    assert len(sizes) == 10
    assert sizes.min() >= 70
    for quadrant in range(4):
        counts = np.bincount(folds[[song.quadrant == quadrant for song in songs]])
        assert counts.min() >= 15
    np.testing.assert_array_equal(folds, assign_folds(songs, folds=10, seed=7))


def test_augmentation_changes_a_copy_within_its_bounds() -> None:
    generator = np.random.default_rng(0)
    patch = np.full((64, 256), -30.0, dtype=np.float32)

    changed = augment(patch, settings=Augmentation(), generator=generator)

    assert changed.shape == patch.shape
    assert np.abs(changed - patch).max() <= 4.0 + 1.5 + 1e-4
    np.testing.assert_array_equal(patch, -30.0)


def test_a_crop_of_a_short_song_repeats_it() -> None:
    song = np.arange(10, dtype=np.float16)[None, :]

    patch = crop(song, frames=25, generator=np.random.default_rng(0))

    assert patch.shape == (1, 25)
    np.testing.assert_array_equal(np.diff(patch[0]) % 10, 1)


def test_mixup_keeps_the_sum_of_the_targets() -> None:
    generator = np.random.default_rng(0)
    patches = generator.normal(size=(8, 4, 4)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[np.arange(8) % 4]

    mixed, soft = mix(patches, targets, alpha=0.3, generator=generator)

    assert mixed.shape == patches.shape
    np.testing.assert_allclose(soft.sum(axis=1), 1.0, rtol=1e-5)
    same, _ = mix(patches, targets, alpha=0.0, generator=generator)
    np.testing.assert_array_equal(same, patches)


def test_spectrograms_are_computed_once(tmp_path: Path) -> None:
    songs = load_labels(make_dataset(tmp_path / "data", songs=4))
    arguments = {"settings": MEL_SETTINGS, "cache": tmp_path / "cache", "workers": 1}

    first = load_spectrograms(songs, **arguments)  # type: ignore[arg-type]
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    second = load_spectrograms(songs, **arguments)  # type: ignore[arg-type]

    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert len(written) == 4
    assert first[0].shape[0] == 64
    np.testing.assert_array_equal(first[3], second[3])


@pytest.mark.timeout(400)
def test_a_run_trains_resumes_exports_and_measures_only_what_it_has_not_seen(
    tmp_path: Path,
) -> None:
    data = make_dataset(tmp_path / "data", songs=8)
    run = tmp_path / "run"
    arguments = {
        "out": run,
        "cache": tmp_path / "cache",
        "folds": 2,
        "fit_settings": FitSettings(epochs=1, batch_size=4, patch_frames=256),
        "device": "cpu",
        "jobs": 1,
    }
    metrics = train(data, **arguments)  # type: ignore[arg-type]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.onnx")}

    assert metrics["n"] == 8
    assert train(data, **arguments) == metrics  # type: ignore[arg-type]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(TrainingError, match="other settings"):
        train(data, **(arguments | {"folds": 3}))  # type: ignore[arg-type]

    exported = export_run(run, out=tmp_path / "model")
    manifest = load_manifest(tmp_path / "model", labels=QUADRANTS)
    assert manifest == exported
    assert manifest.metrics["macro_f1"] == metrics["macro_f1"]
    assert msgspec.convert(manifest.input, MelSettings) == MEL_SETTINGS
    assert f"{metrics['macro_f1']:.3f}" in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    MerModel(tmp_path / "model")

    seen = evaluate_model(data, model_folder=tmp_path / "model", workers=1)
    assert (seen["protocol"], seen["seen_in_training"]) == ("training songs", 8)
    held_out = evaluate_held_out_folds(data, run=run, workers=1)
    assert held_out["n"] == 8
    assert held_out["macro_f1"] == pytest.approx(metrics["macro_f1"])
    folds = json.loads((run / "folds.json").read_text())
    for fold in (0, 1):
        unseen = evaluate_model(data, model_folder=run / f"fold-0{fold}", workers=1)
        assert unseen["protocol"] == "mixed"
        assert unseen["held_out"]["n"] == list(folds.values()).count(fold)
    (tmp_path / "model" / WEIGHTS).unlink()


def test_an_unfinished_run_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no finished run"):
        export_run(tmp_path, out=tmp_path / "model")


def test_export_is_quiet(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_onnx(
            MerNetwork(n_mels=64).eval(), path=tmp_path / "m.onnx", n_mels=64, patch_frames=64
        )
