"""The bench over clips, folders and composed frames."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from fer_pictures import Pixels, astronaut, jpeg

from moodcue_fer.cli import main
from moodcue_fer.clips import Source, compose
from moodcue_fer.pictures import decode_grey

STAGES = ["crop", "decode", "detect_full", "detect_local", "frame", "frame_without_infer"]
STAGES += ["infer", "publish", "quality"]


def bench(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["bench", *map(str, arguments)]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six frames of a face, then two of a wall, five a second."""
    file = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 5, (512, 512))
    wall: Pixels = np.full((512, 512, 3), 90, np.uint8)
    for picture in [astronaut()] * 6 + [wall] * 2:
        writer.write(picture)
    writer.release()
    return file


def test_bench_times_every_stage_and_tells_what_was_searched_and_found(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = bench(capsys, clip)
    assert list(record["milliseconds"]) == STAGES
    assert all(list(stage) == ["median", "p95", "p99"] for stage in record["milliseconds"].values())
    assert (record["frames"], record["size"], record["share_with_face"]) == (8, [512, 512], 0.75)
    searches = {"local": 4, "first": 1, "due": 1, "changed": 1, "lost": 1}
    assert record["searches"] == searches
    assert record["share_full_search"] == 0.5
    assert (record["recall"], record["precision"]) == (1.0, 1.0)
    assert record["runtime"] == f"onnxruntime {onnxruntime.__version__}"
    assert (record["detector"], record["provider"]) == ("haar", "cpu")
    assert record["first_result_seconds"] > 0
    assert record["peak_rss_mb"] > 50
    assert record["cpu_milliseconds"]["median"] > 0


def test_a_folder_of_pictures_is_a_clip_and_what_is_no_picture_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(jpeg(astronaut()))
    (tmp_path / "b.txt").write_text("no picture")
    (tmp_path / "folder").mkdir()
    record = bench(capsys, tmp_path, "--size", "640x512")
    assert (record["frames"], record["size"]) == (2, [640, 512])
    assert record["searches"]["local"] == 1


def test_three_copies_are_three_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(astronaut()))
    record = bench(capsys, tmp_path, "--size", "900x400", "--faces", 3)
    assert (record["faces_per_frame"], record["recall"]) == (3, 1)


def test_a_lower_rate_takes_fewer_frames_at_their_own_times(clip: Path) -> None:
    frames = list(Source(path=clip, rate=2.5).frames())
    assert [time for _, time in frames] == [0, 400_000_000, 800_000_000, 1_200_000_000]
    assert decode_grey(frames[0][0]).shape == (512, 512)


def test_a_frame_is_filled_without_distortion() -> None:
    picture = np.full((90, 160, 3), 255, dtype=np.uint8)
    frame = compose(picture, size=(640, 480), copies=2)
    lit = frame[:, :, 0] > 127
    assert frame.shape == (480, 640, 3)
    assert (lit.any(axis=1).sum(), lit.any(axis=0).sum()) == (180, 640)
    assert compose(picture, size=None, copies=1) is picture


@pytest.mark.parametrize(
    "arguments", [["--size", "640"], ["--size", "0x9"], ["--faces", "0"], ["--rate", "-1"]]
)
def test_an_option_out_of_range_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "clip.mp4", *arguments])
    assert arguments[0] in capsys.readouterr().err
