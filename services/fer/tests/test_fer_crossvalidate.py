import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_pictures import drawn_faces

from moodcue_fer.datasets import DatasetError, load_ck_plus
from moodcue_fer.training.crossvalidate import cross_validate, fold_numbers

NAMES = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Drawn faces in the form of CK+: 20 people, two sequences each, three pictures of each."""
    crops, _ = drawn_faces(7, seed=1)
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["path", "subject", "sequence", "frame", "label"])
        for sequence in range(40):
            label = NAMES[sequence % 7]
            (tmp_path / label).mkdir(exist_ok=True)
            for frame in range(3):
                path = f"{label}/{sequence}_{frame}.png"
                cv2.imwrite(str(tmp_path / path), crops[sequence % 7])
                writer.writerow([path, f"S{sequence // 2:03d}", f"{sequence:03d}", frame, label])
    return tmp_path


def test_nobody_is_in_two_folds_by_subject_and_somebody_is_at_random(data: Path) -> None:
    faces = load_ck_plus(data)
    by_subject = fold_numbers(faces, split="subject")
    for subject in np.unique(faces.subjects):
        assert len(set(by_subject[faces.subjects == subject])) == 1
    assert np.bincount(by_subject, minlength=10).tolist() == [12] * 10
    at_random = fold_numbers(faces, split="random")
    assert any(
        len(set(at_random[faces.subjects == subject])) > 1 for subject in np.unique(faces.subjects)
    )


def test_every_picture_is_tested_once_and_the_spread_is_stated(data: Path) -> None:
    *folds, total = cross_validate(data, start=None, split="subject", threads=1, epochs=1)
    assert [record["fold"] for record in folds] == list(range(1, 11))
    assert sum(record["n"] for record in folds) == total["n"] == 120
    accuracies = [record["accuracy"] for record in folds]
    assert total["accuracy_mean"] == pytest.approx(np.mean(accuracies))
    assert total["accuracy_deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    assert list(total["recall"]) == list(NAMES)


def test_a_picture_that_is_not_readable_is_named(data: Path) -> None:
    (data / "anger" / "0_1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"0_1\.png"):
        load_ck_plus(data)


def test_too_few_people_for_the_folds_are_told(data: Path) -> None:
    table = data / "labels.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join(rows[:1] + [row for row in rows if ",S00" in row][:54]))
    with pytest.raises(DatasetError, match="has 9 people and 54 pictures, too few for 10 folds"):
        next(cross_validate(data, start=None, split="subject", threads=1, epochs=1))
