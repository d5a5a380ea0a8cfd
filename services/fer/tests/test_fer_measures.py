import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_pictures import drawn_faces, write_fer2013

from moodcue.errors import ModelError
from moodcue.model_folder import MANIFEST
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import DatasetError
from moodcue_fer.measures import (
    MIXES,
    STRENGTHS,
    evaluate_dataset,
    measure_neutral_baseline,
    measure_prior,
    measure_robustness,
)
from moodcue_fer.model import SHIPPED_MODEL, FerModel
from moodcue_fer.robustness import CHANGES


@pytest.fixture(scope="module")
def model() -> FerModel:
    return FerModel()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_fer2013(tmp_path, training=30, test=14)


def test_robustness_has_one_record_per_change_over_the_same_pictures(
    data: Path, model: FerModel
) -> None:
    records = list(measure_robustness(data, split="PublicTest", model=model))
    assert [record["change"] for record in records] == list(CHANGES)
    assert {record["n"] for record in records} == {14}


def test_accuracy_under_a_mix_weighs_the_recalls(data: Path, model: FerModel) -> None:
    records = list(measure_prior(data, split="PublicTest", model=model))
    assert [record["mix"] for record in records] == list(MIXES)
    for record in records:
        assert sum(record["shares"].values()) == pytest.approx(1)
        assert 0 <= record["accuracy"] <= 1
        assert 0 <= record["accuracy_corrected"] <= 1


def test_a_known_mix_changes_answers_and_is_named_in_the_record(
    data: Path, model: FerModel
) -> None:
    plain = evaluate_dataset("fer2013", folder=data, split="PublicTest", model=model)
    only = evaluate_dataset(
        "fer2013", folder=data, split="PublicTest", model=model, mix="disgust=1"
    )
    assert (plain["mix"], only["mix"]) == (None, "disgust=1")
    disgust = EMOTIONS.index("disgust")
    assert sum(row[disgust] for row in only["confusion"]) == 14
    assert sum(row[disgust] for row in plain["confusion"]) < 14


def test_a_manifest_without_the_trained_mix_says_what_to_do(data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["training"].pop("prior", None)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="has no 'prior': export the model again"):
        next(measure_prior(data, split="PublicTest", model=FerModel(folder)))


def test_a_baseline_is_measured_on_pictures_that_did_not_make_it(
    tmp_path: Path, model: FerModel
) -> None:
    crops, _ = drawn_faces(10, seed=4)
    for person in ("anna", "ben"):
        for place, crop in enumerate(crops):
            folder = tmp_path / person / ("neutral" if place < 6 else "happy")
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{place}.png"), crop)
    records = list(measure_neutral_baseline(tmp_path, model=model))
    assert [record["strength"] for record in records] == [0.0, *STRENGTHS]
    # Of each person's ten pictures, three of the six neutral ones make the baseline.
    assert {(record["people"], record["n"]) for record in records} == {(2, 14)}


def test_people_without_neutral_pictures_cannot_be_measured(
    tmp_path: Path, model: FerModel
) -> None:
    (tmp_path / "anna" / "happy").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "anna" / "happy" / "1.png"), np.zeros((48, 48), np.uint8))
    with pytest.raises(DatasetError, match="nobody has two pictures"):
        next(measure_neutral_baseline(tmp_path, model=model))
    with pytest.raises(DatasetError, match="no folders of people"):
        next(measure_neutral_baseline(tmp_path / "anna" / "happy", model=model))


def test_the_shipped_model_tells_its_mix_and_its_usual_neutral_face(model: FerModel) -> None:
    training = model.manifest.training
    assert sum(training["prior"]) == pytest.approx(1)
    neutral = np.array(training["usual_neutral"])
    assert EMOTIONS[int(neutral.argmax())] == "neutral"
