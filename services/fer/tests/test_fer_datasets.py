from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_pictures import drawn_faces, write_fer2013

from moodcue_fer.datasets import DatasetError, load_ck48, load_fer2013, load_folder


def test_fer2013_tiles_and_labels_come_back_in_order(tmp_path: Path) -> None:
    write_fer2013(tmp_path, training=70, test=10)
    faces = load_fer2013(tmp_path)
    crops, labels = drawn_faces(80, seed=3)
    kept = np.arange(80) != 69
    assert np.array_equal(faces.crops[kept], crops[kept])
    assert np.array_equal(faces.labels[kept], labels[kept])
    assert np.array_equal(faces.crops[69], faces.crops[70])
    assert faces.groups[69] == faces.groups[70]
    assert np.array_equal(faces.votes.argmax(axis=1), faces.labels)


def test_the_real_fer2013_has_the_documented_counts(shared_data: Path) -> None:
    faces = load_fer2013(shared_data / "fer2013")
    assert (faces.usage == "Training").sum() == 28_709
    assert (faces.usage == "PublicTest").sum() == 3_589
    assert faces.labels.min() == 0
    assert 120 < faces.crops.mean() < 140


def test_contempt_of_ck_is_none_of_the_seven(shared_data: Path) -> None:
    faces = load_ck48(shared_data / "ck48")
    assert len(faces.labels) == 981
    assert (faces.labels == -1).sum() == 54
    assert not faces.skipped


def test_a_folder_may_use_other_spellings_and_hold_unreadable_files(tmp_path: Path) -> None:
    crops, _ = drawn_faces(2, seed=4)
    for name, crop in zip(("Happy", "sadness"), crops, strict=True):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "face.png"), crop)
    (tmp_path / "Happy" / "notes.txt").write_text("no face")
    (tmp_path / "bored").mkdir()
    faces = load_folder(tmp_path)
    assert faces.labels.tolist() == [3, 4]
    assert np.array_equal(faces.crops, crops)
    assert [Path(path).name for path, _ in faces.skipped] == ["bored", "notes.txt"]


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"labels\.csv is missing"):
        load_fer2013(tmp_path)
    with pytest.raises(DatasetError, match="no subfolder named after an emotion"):
        load_folder(tmp_path)
    write_fer2013(tmp_path, training=7, test=7)
    (tmp_path / "sheet_00.png").unlink()
    with pytest.raises(DatasetError, match=r"sheet_00\.png is missing"):
        load_fer2013(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text(table.read_text().replace("happy", "bored"))
    with pytest.raises(DatasetError, match="'bored' is none of anger"):
        load_fer2013(tmp_path)
    table.write_text("index,usage\n1,Training\n")
    with pytest.raises(DatasetError, match="lacks the columns fer2013_label"):
        load_fer2013(tmp_path)
    table.write_text("index,usage\n")
    with pytest.raises(DatasetError, match="has no rows"):
        load_fer2013(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda text: text.replace("\n0,", "\nnil,", 1),
            "line 2: index is 'nil', not a whole number",
        ),
        (
            lambda text: text.rstrip().rpartition(",")[0] + ",many",
            "votes must be numbers: .*'many'",
        ),
        (lambda text: text + "3,Training,happy", "line 16: duplicate_group is '', not a whole"),
    ],
)
def test_a_damaged_table_is_named_with_what_is_wrong(
    change: Callable[[str], str], problem: str, tmp_path: Path
) -> None:
    write_fer2013(tmp_path, training=7, test=7)
    table = tmp_path / "labels.csv"
    table.write_text(change(table.read_text()))
    with pytest.raises(DatasetError, match=problem):
        load_fer2013(tmp_path)


def test_a_table_in_another_encoding_and_a_sheet_cut_short_are_named(tmp_path: Path) -> None:
    write_fer2013(tmp_path, training=7, test=7)
    sheet = tmp_path / "sheet_00.png"
    picture = cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    cv2.imwrite(str(sheet), picture[:, :300])
    with pytest.raises(DatasetError, match=r"sheet_00\.png ends before picture 6"):
        load_fer2013(tmp_path)
    (tmp_path / "labels.csv").write_bytes("Größe\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="save it as CSV in UTF-8"):
        load_fer2013(tmp_path)
