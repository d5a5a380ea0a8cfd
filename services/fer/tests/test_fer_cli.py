import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_pictures import astronaut, grey_astronaut, jpeg, write_fer2013

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.cli import main
from moodcue_fer.faces import crop_face


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_bad_pictures_get_an_error_each_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = jpeg(astronaut())
    contents = {
        "cut.jpg": whole[:5000],
        "text.jpg": b"no picture",
        "pixel.png": bytes(cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes()),
        "face.jpg": whole,
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in (*contents, "missing.jpg")]
    assert main(["predict", *paths]) == 1
    cut, text, pixel, face, missing = lines(capsys)
    assert [record["path"] for record in (cut, text, pixel, face, missing)] == paths
    assert "cut off" in cut["error"]
    assert "not a picture" in text["error"]
    assert pixel["faces"] == []
    assert "No such file" in missing["error"]
    (found,) = face["faces"]
    assert list(found["probabilities"]) == list(EMOTIONS)
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert max(found["probabilities"], key=found["probabilities"].get) == "happiness"


def test_a_crop_is_read_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crop = crop_face(grey_astronaut(), (174, 64, 98, 98))
    cv2.imwrite(str(tmp_path / "crop.png"), crop)
    assert main(["predict", "--crop", str(tmp_path / "crop.png")]) == 0
    (record,) = lines(capsys)
    assert [face["box"] for face in record["faces"]] == [[0, 0, 48, 48]]
    assert record["faces"][0]["score"] == 1


def test_evaluating_a_folder_counts_right_and_wrong_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crop = crop_face(grey_astronaut(), (174, 64, 98, 98))
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "smile.png"), crop)
    assert main(["evaluate", "--dataset", "folder", str(tmp_path)]) == 0
    (record,) = lines(capsys)
    assert (record["dataset"], record["n"], record["accuracy"]) == ("folder", 2, 0.5)
    assert record["per_class"]["happiness"]["recall"] == 1
    assert record["per_class"]["sadness"]["recall"] == 0
    assert 0 <= record["ece"] <= 1


def test_a_folder_for_pictures_that_cannot_be_made_does_not_cost_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fer2013(tmp_path, training=14, test=7)
    (tmp_path / "file").write_text("")
    pictures = ["--pictures", str(tmp_path / "file" / "pictures")]
    assert main(["evaluate", "--dataset", "fer2013", str(tmp_path), *pictures]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["n"] == 7
    assert "Not a directory" in captured.err.splitlines()[-1]


def test_evaluating_fer2013_gives_the_figures_with_and_without_duplicates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fer2013(tmp_path, training=14, test=7)
    assert main(["evaluate", "--dataset", "fer2013", str(tmp_path)]) == 0
    (record,) = lines(capsys)
    assert (record["n"], record["duplicates"], record["protocol"]) == (7, 1, "held out")
    assert record["without_duplicates"]["n"] == 6
    assert main(["evaluate", "--dataset", "fer2013", str(tmp_path), "--split", "Training"]) == 0
    assert lines(capsys)[0]["protocol"] == "training pictures"
    assert main(["evaluate", "--dataset", "fer2013", str(tmp_path), "--split", "Private"]) == 1
    assert "no part 'Private'" in capsys.readouterr().err


def test_ck_is_evaluated_on_the_six_shared_classes(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--dataset", "ck48", str(shared_data / "ck48")]) == 0
    (record,) = lines(capsys)
    assert (record["n"], record["other_labels"]) == (927, 54)
    assert "neutral" not in record["per_class"]
    assert record["accuracy"] > 0.5


def test_the_shipped_model_is_right_on_most_of_public_test(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--dataset", "fer2013", str(shared_data / "fer2013")]) == 0
    (record,) = lines(capsys)
    assert (record["split"], record["n"], record["duplicates"]) == ("PublicTest", 3589, 280)
    assert record["accuracy"] >= 0.60
    assert record["without_duplicates"]["accuracy"] >= 0.60


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["evaluate", "--dataset", "folder", "nowhere"], "no subfolder named after an emotion"),
        (["evaluate", "--dataset", "ck48", "x", "--what", "prior"], "measured on FER2013 alone"),
        (["bench", "nowhere.mp4"], "no readable frame"),
    ],
)
def test_missing_input_is_one_clear_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert problem in captured.err.splitlines()[-1]


@pytest.mark.parametrize(
    "option",
    [
        ["--epochs", "0"],
        ["--batch-size", "1"],
        ["--seed", "-1"],
        ["--threads", "none"],
        ["--vote-share", "1.5"],
        ["--learning-rate", "nan"],
    ],
)
def test_a_number_that_no_run_can_have_is_refused_with_what_would_do(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "data", "--out", "run", *option])
    told = rf"{option[0]}: '{option[1]}' is no (whole )?number from"
    assert re.search(told, capsys.readouterr().err)


def test_serving_and_evaluating_load_no_training_library() -> None:
    code = "import sys, moodcue_fer.cli; print({'torch', 'onnx', 'sklearn'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.decode().strip() == "set()"
