from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from structlog.testing import capture_logs

from moodcue_camera.files import PictureFolder, VideoFile
from moodcue_camera.sources import Image, SourceError

RATE = 10
LENGTH = 25


def grey(level: int, *, height: int = 48, width: int = 64) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def brightness(image: Image | None) -> float:
    assert image is not None
    return float(image.mean())


def write_video(path: Path, codec: str) -> Path:
    """Write a real video of 2.5 s whose picture k has the grey level 10 * k."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, (64, 48))
    assert writer.isOpened()
    for k in range(LENGTH):
        writer.write(grey(10 * k))
    writer.release()
    return path


@pytest.fixture(params=[("clip.avi", "MJPG"), ("clip.mp4", "mp4v")], ids=["avi", "mp4"])
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name, codec = request.param
    return write_video(tmp_path / name, codec)


@pytest.fixture
def source(video: Path) -> Iterator[VideoFile]:
    with closing(VideoFile(video)) as opened:
        opened.rewind()
        yield opened


def test_a_video_gives_every_picture_at_its_own_rate(source: VideoFile) -> None:
    assert source.rate_limit == pytest.approx(RATE)
    levels = [brightness(source.picture_at(k / RATE)) for k in range(LENGTH)]
    assert levels == pytest.approx([10 * k for k in range(LENGTH)], abs=4)
    assert source.picture_at(LENGTH / RATE) is None
    assert source.duration_seconds == pytest.approx(LENGTH / RATE)


def test_a_video_gives_the_picture_of_the_time_when_asked_seldom(source: VideoFile) -> None:
    assert brightness(source.picture_at(0.5)) == pytest.approx(50, abs=4)
    assert brightness(source.picture_at(0.5)) == pytest.approx(50, abs=4)
    assert brightness(source.picture_at(2.0)) == pytest.approx(200, abs=4)
    assert brightness(source.picture_at(2.44)) == pytest.approx(240, abs=4)
    assert source.picture_at(100) is None


def test_a_video_begins_again(source: VideoFile) -> None:
    assert source.picture_at(100) is None
    source.rewind()
    assert brightness(source.picture_at(0)) == pytest.approx(0, abs=4)


def test_a_truncated_video_ends_early(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.avi", "MJPG")
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with closing(VideoFile(video)) as source:
        source.rewind()
        shown = [source.picture_at(k / RATE) is not None for k in range(LENGTH + 1)]
    assert shown[0]
    assert not shown[-1]
    assert shown == sorted(shown, reverse=True), "it does not come back after its end"


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")
    with pytest.raises(SourceError, match=r"notes.mp4: not a video that can be read; give"):
        VideoFile(path).rewind()


def test_a_video_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone.mp4: no such file"):
        VideoFile(tmp_path / "gone.mp4").rewind()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("b.png", 100), ("a.jpg", 50), ("d.PNG", 200)):
        cv2.imwrite(str(tmp_path / name), grey(level))
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8 broken")
    (tmp_path / "readme.txt").write_text("no picture")
    return tmp_path


def test_a_folder_shows_its_pictures_by_name_each_for_its_time(folder: Path) -> None:
    source = PictureFolder(folder, picture_seconds=2)
    source.rewind()
    times = (0, 1.9, 2, 3.9, 4, 5.9)
    levels = [brightness(source.picture_at(seconds)) for seconds in times]
    assert levels == pytest.approx([50, 50, 100, 100, 200, 200], abs=2)
    assert source.picture_at(6) is None
    assert source.duration_seconds == 6


def test_a_broken_picture_is_passed_over_and_named_once(folder: Path) -> None:
    source = PictureFolder(folder, picture_seconds=1)
    with capture_logs() as lines:
        for _ in range(3):
            source.rewind()
            assert source.picture_at(100) is None
    assert [(line["event"], line["path"]) for line in lines] == [
        ("camera.picture_skipped", str(folder / "c.jpg"))
    ]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no pictures; put files in that end in \.bmp"):
        PictureFolder(tmp_path, picture_seconds=1).rewind()


def test_a_folder_of_broken_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match="none of its pictures can be read"):
        PictureFolder(tmp_path, picture_seconds=1).rewind()


def test_a_single_picture_is_a_source(folder: Path) -> None:
    source = PictureFolder(folder / "b.png", picture_seconds=1)
    source.rewind()
    assert brightness(source.picture_at(0.5)) == 100
    assert source.picture_at(1) is None
