import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from mer_datasets import make_dataset
from mer_sounds import tone, write_audio
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - torch is looked for first

from moodcue_mer_indexer.dataset import load_labels  # noqa: E402
from moodcue_mer_indexer.labels import DatasetError  # noqa: E402
from moodcue_mer_indexer.model import QuadrantNetwork  # noqa: E402
from moodcue_mer_indexer.training.architectures import (  # noqa: E402
    ARCHITECTURES,
    Architecture,
    build_network,
    parameters_of,
)
from moodcue_mer_indexer.training.augment import Augmentation, augment, crop, mix  # noqa: E402
from moodcue_mer_indexer.training.cache import load_spectrograms  # noqa: E402
from moodcue_mer_indexer.training.compare import COMPARED_MEL, compare  # noqa: E402
from moodcue_mer_indexer.training.export import export_onnx  # noqa: E402
from moodcue_mer_indexer.training.fit import FitSettings, fit, predict_songs  # noqa: E402
from moodcue_mer_indexer.training.folds import assign_folds  # noqa: E402
from moodcue_mer_indexer.training.network import MerNetwork  # noqa: E402
from moodcue_mer_indexer.training.precision import knows_bfloat16, mixed_precision  # noqa: E402

CPU = torch.device("cpu")
TINY = FitSettings(epochs=2, batch_size=8, patch_frames=64, seed=3)


def spectrograms(count: int = 12, *, frames: int = 80) -> list[NDArray[np.float16]]:
    generator = np.random.default_rng(1)
    return [
        generator.normal(-20 - 5 * (i % 4), 5, (64, frames)).astype(np.float16)
        for i in range(count)
    ]


def targets(count: int = 12) -> NDArray[np.float32]:
    return np.eye(4, dtype=np.float32)[np.arange(count) % 4]


def weights(network: nn.Module) -> list[NDArray[np.float32]]:
    return [value.numpy() for value in network.state_dict().values()]


def train_network(checkpoint: Path, *, epochs: int, stop_after: int | None = None) -> nn.Module:
    class Interruption(Exception):  # noqa: N818 - stands for Ctrl-C
        pass

    def report(epoch: int, _: float) -> None:
        if epoch == stop_after:
            raise Interruption

    settings = msgspec.structs.replace(TINY, epochs=epochs)
    arguments = {"settings": settings, "checkpoint": checkpoint, "device": CPU, "report": report}
    try:
        return fit(spectrograms(), targets=targets(), **arguments)
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
        targets=targets(),
        settings=msgspec.structs.replace(
            TINY, epochs=12, augmentation=Augmentation(gain_db=0, mixup_alpha=0)
        ),
        checkpoint=tmp_path / "c.pt",
        device=CPU,
        report=lambda _, loss: losses.append(loss),
    )

    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("frames", [64, 256])
def test_every_architecture_is_small_and_answers_for_any_length(
    architecture: Architecture, frames: int
) -> None:
    network = build_network(architecture, n_mels=64, dropout=0.4).eval()

    with torch.no_grad():
        answers = network(torch.zeros(3, 64, frames))

    assert answers.shape == (3, 4)
    assert answers.isfinite().all()
    assert parameters_of(network) <= 3_000_000


def test_every_architecture_learns_what_separates_the_quadrants(tmp_path: Path) -> None:
    for architecture in ARCHITECTURES:
        losses: list[float] = []
        fit(
            spectrograms(),
            targets=targets(),
            settings=msgspec.structs.replace(
                TINY,
                architecture=architecture,
                epochs=15,
                batch_size=6,
                augmentation=Augmentation(gain_db=0, mixup_alpha=0),
            ),
            checkpoint=tmp_path / f"{architecture}.pt",
            device=CPU,
            report=lambda _, loss, into=losses: into.append(loss),  # type: ignore[misc]
        )
        assert losses[-1] < 0.85 * losses[0], architecture


def test_a_song_between_two_quadrants_is_scored_by_the_one_that_its_point_lies_in(
    tmp_path: Path,
) -> None:
    rows = ["path,valence,arousal"]
    for number in range(4):
        name = f"{number}.flac"
        write_audio(tmp_path / name, sound=tone(seconds=1))
        rows.append(f"{name},0,-0.5")
    (tmp_path / "mine.csv").write_text("\n".join(rows))

    # Its targets are as much sad as calm.
    records = compare(
        tmp_path, out=tmp_path / "o", cache=tmp_path / "c", folds=2, settings=TINY, jobs=1
    )
    always = next(records)

    assert always["f1_Q4"] == 1


def test_a_comparison_has_a_record_of_every_network_and_is_not_made_twice(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", songs=8, seconds=9)
    settings = FitSettings(epochs=1, batch_size=4, patch_frames=256)

    def made() -> list[dict[str, object]]:
        records = compare(
            data, out=tmp_path / "o", cache=tmp_path / "c", folds=2, settings=settings, jobs=1
        )
        return [{k: v for k, v in record.items() if k != "seconds"} for record in records]

    first = made()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "o").rglob("*.json")}

    assert [record["architecture"] for record in first] == [
        "most frequent quadrant",
        "svm on hand features",
        *ARCHITECTURES,
        *ARCHITECTURES,
    ]
    assert made() == first
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_comparison_takes_no_answer_of_other_folds(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", songs=12, seconds=9)
    settings = FitSettings(epochs=1, batch_size=4, patch_frames=256)

    def first_network(folds: int) -> dict[str, Any]:
        records = compare(
            data, out=tmp_path / "o", cache=tmp_path / "c", folds=folds, settings=settings, jobs=1
        )
        return next(record for record in records if "spectrogram" in record)

    first_network(2)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "o").rglob("*.json")}

    assert first_network(3)["n"] == 12
    assert all(path.stat().st_mtime_ns != time for path, time in written.items())


def test_training_in_bfloat16_learns_too_and_keeps_weights_in_float32(tmp_path: Path) -> None:
    losses: list[float] = []
    network = fit(
        spectrograms(),
        targets=targets(),
        settings=msgspec.structs.replace(
            TINY,
            precision="bfloat16",
            epochs=12,
            augmentation=Augmentation(gain_db=0, mixup_alpha=0),
        ),
        checkpoint=tmp_path / "c.pt",
        device=CPU,
        report=lambda _, loss: losses.append(loss),
    )

    assert losses[-1] < 0.75 * losses[0]
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("known", "wanted", "kind"),
    [
        (True, True, torch.bfloat16),
        (True, False, torch.float32),
        (False, True, torch.float32),
    ],
)
def test_bfloat16_is_taken_only_where_it_is_known_and_wanted(
    *, known: bool, wanted: bool, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moodcue_mer_indexer.training.precision.knows_bfloat16", lambda _: known)
    with mixed_precision(CPU, wanted=wanted):
        answer = torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
    assert answer.dtype == kind


def test_what_a_processor_says_of_itself_decides_whether_bfloat16_is_known() -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    if "avx512_bf16" in flags or "amx_bf16" in flags:
        assert knows_bfloat16(CPU)
    if "avx512" not in flags:
        assert not knows_bfloat16(CPU)


def test_training_aims_at_shares_of_listeners(tmp_path: Path) -> None:
    shares = np.tile(np.array([0.6, 0.4, 0, 0], dtype=np.float32), (12, 1))
    network = fit(
        spectrograms(),
        targets=shares,
        settings=msgspec.structs.replace(TINY, epochs=25, label_smoothing=0.0),
        checkpoint=tmp_path / "c.pt",
        device=CPU,
        report=lambda _epoch, _loss: None,
    )

    rows = predict_songs(network, spectrograms(), patch_frames=64, device=CPU)

    np.testing.assert_allclose(rows.mean(axis=0), [0.6, 0.4, 0, 0], atol=0.12)


def test_onnx_gives_what_torch_gives_for_any_number_of_patches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MerNetwork(n_mels=64).eval()
    path = tmp_path / "model.onnx"
    probabilities = torch.nn.Sequential(network, torch.nn.Softmax(dim=1))
    export_onnx(probabilities, path=path, mel=COMPARED_MEL, output="quadrants")
    served = QuadrantNetwork(path, settings=COMPARED_MEL)

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


@pytest.mark.parametrize("folds", [5, 40])
def test_too_few_songs_or_artists_for_the_folds_are_told(tmp_path: Path, folds: int) -> None:
    songs = load_labels(make_dataset(tmp_path, songs=20, seconds=0.1))
    assert len(set(assign_folds(songs, folds=5, seed=7).tolist())) == 5
    few = [replace(song, artist=f"artist {place % 4}") for place, song in enumerate(songs)]
    with pytest.raises(DatasetError, match=f"20 songs of 4 artists are too few for {folds} folds"):
        assign_folds(few, folds=folds, seed=7)


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
    arguments = {"settings": COMPARED_MEL, "cache": tmp_path / "cache", "workers": 1}

    first = load_spectrograms(songs, **arguments)  # type: ignore[arg-type]
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    second = load_spectrograms(songs, **arguments)  # type: ignore[arg-type]

    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert len(written) == 4
    assert first[0].shape[0] == 64
    np.testing.assert_array_equal(first[3], second[3])


def test_export_is_quiet(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_onnx(
            MerNetwork(n_mels=64), path=tmp_path / "m.onnx", mel=COMPARED_MEL, output="quadrants"
        )
