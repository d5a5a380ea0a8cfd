import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from fer_pictures import drawn_faces, grey_astronaut

from moodcue.errors import ModelError, SettingsError
from moodcue.model_folder import MANIFEST, WEIGHTS
from moodcue.settings import load_settings
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.faces import crop_face
from moodcue_fer.model import LARGEST_BATCH, SHIPPED_MODEL, FerModel, ShippedName
from moodcue_fer.settings import FerSettings


@pytest.fixture(scope="module", params=get_args(ShippedName))
def model(request: pytest.FixtureRequest) -> FerModel:
    return FerModel(FerSettings(model=request.param).model_folder)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


def change(folder: Path, field: str, value: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {field: value}))


def test_the_portrait_of_a_smiling_person_is_happy(model: FerModel) -> None:
    crop = crop_face(grey_astronaut(), (174, 64, 98, 98))
    (row,) = model.read(crop[np.newaxis]).probabilities
    assert EMOTIONS[int(row.argmax())] == "happiness"


def test_rows_are_probabilities_whatever_the_batch(model: FerModel) -> None:
    crops, _ = drawn_faces(LARGEST_BATCH + 3, seed=1)
    together = model.read(crops).probabilities
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx(np.ones(len(crops)), abs=1e-5)
    alone = np.concatenate([model.read(crop[np.newaxis]).probabilities for crop in crops[-5:]])
    assert together[-5:] == pytest.approx(alone, abs=1e-5)


def test_no_face_gives_no_row(model: FerModel) -> None:
    readings = model.read(np.zeros((0, 48, 48), dtype=np.uint8))
    assert readings.probabilities.shape == (0, 7)
    assert readings.frontality.shape == (0,)


def test_the_shipped_manifest_states_calibration_and_figures(model: FerModel) -> None:
    assert 0.25 <= model.manifest.training["temperature"] <= 4
    held_out = model.manifest.metrics["held_out_of_training"]
    assert held_out["n"] > 1000
    assert 0 < held_out["ece"] < 0.05
    assert 0 < model.manifest.metrics["ece_before_temperature"] < 0.2
    parity = model.manifest.metrics["parity_with_torch"]
    assert parity["float32_largest_difference"] <= 1e-5
    assert parity["int8_mean_difference"] <= 0.01
    assert parity["int8_same_answer"] >= 0.97


def test_weights_that_are_not_the_manifests_are_refused(copy: Path) -> None:
    with (copy / WEIGHTS).open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(ModelError, match="its manifest says"):
        FerModel(copy)


def test_labels_in_another_order_are_refused(copy: Path) -> None:
    change(copy, "labels", list(reversed(EMOTIONS)))
    with pytest.raises(ModelError, match="needed, in this order: anger"):
        FerModel(copy)


def test_another_preprocessing_is_refused(copy: Path) -> None:
    change(copy, "input", {"preprocessing": "divided by 255"})
    with pytest.raises(ModelError, match="needs the preprocessing 'divided by 255'"):
        FerModel(copy)


def test_weights_that_are_no_onnx_are_refused(copy: Path) -> None:
    (copy / WEIGHTS).write_bytes(b"")
    change(copy, "sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    with pytest.raises(ModelError, match="cannot be loaded"):
        FerModel(copy)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model in"):
        FerModel(tmp_path)


def test_a_shipped_model_has_the_name_that_the_settings_ask_for_it_by(model: FerModel) -> None:
    assert FerSettings(model=model.manifest.name).model_folder.name == model.manifest.name


def test_a_model_that_is_not_shipped_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODCUE_FER_MODEL", "fer-cnn-tiny")
    with pytest.raises(SettingsError, match=r"=fer-cnn-tiny: .*'fer-cnn' or 'fer-cnn-light'$"):
        load_settings(FerSettings)


def test_the_folder_of_another_model_goes_before_a_shipped_one(tmp_path: Path) -> None:
    assert FerSettings(model="fer-cnn-light", model_dir=tmp_path).model_folder == tmp_path


def test_the_light_model_is_several_times_smaller() -> None:
    main, light = (
        (FerSettings(model=name).model_folder / WEIGHTS).stat().st_size
        for name in ("fer-cnn", "fer-cnn-light")
    )
    assert light < main / 2
