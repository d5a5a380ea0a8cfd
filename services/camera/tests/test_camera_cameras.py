from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from moodcue.settings import load_settings
from moodcue_camera.camera import Camera, LiveCamera, MediaCamera
from moodcue_camera.choice import make_camera
from moodcue_camera.files import PictureFolder, VideoFile
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.pacing import Backoff
from moodcue_camera.settings import CameraSettings
from moodcue_camera.sources import MediaSource, SourceError

START = 1_700_000_000_000_000_000
Make = Callable[..., Camera]


class FakeClock:
    def __init__(self) -> None:
        self.now: float = 0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> CameraMetrics:
    return CameraMetrics("camera", registry=CollectorRegistry())


class MakeMedia(Protocol):
    def __call__(self, source: MediaSource, *, rate: float, loop: bool = False) -> MediaCamera: ...


@pytest.fixture
def wall() -> FakeClock:
    clock = FakeClock()
    clock.now = START
    return clock


@pytest.fixture
def media_camera(wall: FakeClock, monotonic: FakeClock, metrics: CameraMetrics) -> MakeMedia:
    def make(source: MediaSource, *, rate: float, loop: bool = False) -> MediaCamera:
        camera = MediaCamera(
            source,
            rate=rate,
            loop=loop,
            backoff=Backoff(first_seconds=1, longest_seconds=8, chance=lambda: 1.0),
            clock=lambda: int(wall()),
            monotonic=monotonic,
            metrics=metrics,
        )
        camera.open()
        return camera

    return make


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 1 s at 10 pictures per second."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for k in range(10):
        writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    writer.release()
    return path


def test_capture_times_are_the_start_plus_media_time(video: Path, media_camera: MakeMedia) -> None:
    camera = media_camera(VideoFile(video), rate=5)
    shots = [camera.shoot(slot) for slot in range(5)]
    assert [shot.time - START for shot in shots if shot] == [0, 2e8, 4e8, 6e8, 8e8]
    assert [float(shot.image.mean()) for shot in shots if shot] == pytest.approx(
        [0, 40, 80, 120, 160], abs=4
    )


def test_time_begins_with_the_last_repetition_of_the_first_picture(
    video: Path, media_camera: MakeMedia, wall: FakeClock
) -> None:
    camera = media_camera(VideoFile(video), rate=5)
    camera.shoot(0)
    wall.now += 60_000_000_000
    shots = [camera.shoot(0), camera.shoot(1)]
    assert [shot.time - START for shot in shots if shot] == [60_000_000_000, 60_200_000_000]


def test_a_file_played_once_ends_and_says_how_to_repeat_it(
    video: Path, media_camera: MakeMedia
) -> None:
    camera = media_camera(VideoFile(video), rate=5)
    ended = []
    for slot in (4, 5):
        camera.shoot(slot)
        ended.append(camera.ended)
    assert ended == [False, True]
    assert camera.problem() == (
        f"{video} has ended after 1.0 s; set MOODCUE_CAMERA_LOOP=true to repeat it, or start the "
        "camera again"
    )


def test_capture_times_grow_evenly_over_repetitions(video: Path, media_camera: MakeMedia) -> None:
    camera = media_camera(VideoFile(video), rate=10, loop=True)
    shots = [camera.shoot(slot) for slot in range(35)]
    times = [shot.time for shot in shots if shot]
    levels = [float(shot.image.mean()) for shot in shots if shot]
    assert {after - before for before, after in pairwise(times)} == {100_000_000}
    assert levels == pytest.approx([20 * (k % 10) for k in range(35)], abs=4)


def test_missed_slots_may_skip_whole_repetitions(video: Path, media_camera: MakeMedia) -> None:
    camera = media_camera(VideoFile(video), rate=10, loop=True)
    shot = camera.shoot(73)
    assert shot is not None
    assert shot.time == START + 7_300_000_000
    assert float(shot.image.mean()) == pytest.approx(60, abs=4)


def test_a_rate_above_that_of_the_file_is_lowered_to_it(
    video: Path, media_camera: MakeMedia
) -> None:
    assert media_camera(VideoFile(video), rate=60).rate == pytest.approx(10)


def test_a_repeated_folder_that_breaks_recovers_by_itself(
    tmp_path: Path, media_camera: MakeMedia, monotonic: FakeClock, metrics: CameraMetrics
) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.full((48, 64, 3), 100, np.uint8))
    camera = media_camera(PictureFolder(tmp_path, picture_seconds=1), rate=1, loop=True)
    assert camera.shoot(0) is not None

    picture.unlink()
    assert camera.shoot(1) is None
    assert not camera.ended
    assert "holds no pictures" in str(camera.problem())

    cv2.imwrite(str(picture), np.full((48, 64, 3), 200, np.uint8))
    assert camera.shoot(2) is None, "the pause is not over"
    monotonic.now += 1
    shot = camera.shoot(3)
    assert shot is not None
    assert float(shot.image.mean()) == 200
    assert shot.time == START + 3_000_000_000
    assert camera.problem() is None
    assert metrics.counters()["reconnects"] == 1


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, metrics: CameraMetrics) -> Make:
    def build(**variables: str) -> Camera:
        for name, value in variables.items():
            monkeypatch.setenv(f"MOODCUE_CAMERA_{name}", value)
        return make_camera(load_settings(CameraSettings), metrics=metrics)

    return build


@pytest.mark.parametrize("source", ["0", "/dev/video0", "rtsp://h/s", "HTTP://h/s"])
def test_webcams_and_urls_are_live(make: Make, source: str) -> None:
    assert isinstance(make(SOURCE=source), LiveCamera)


def test_paths_and_the_synthetic_camera_are_media(make: Make, video: Path, tmp_path: Path) -> None:
    assert make(SOURCE="synthetic").name == "synthetic camera"
    for path in (video, tmp_path):
        assert isinstance(make(SOURCE=str(path)), MediaCamera)


def test_a_path_that_does_not_exist_is_refused_with_the_choices(make: Make) -> None:
    with pytest.raises(SourceError, match=r"SOURCE=/no/such.mp4: no such file or folder; give"):
        make(SOURCE="/no/such.mp4")


def test_a_live_source_cannot_be_paced_by_workers(make: Make) -> None:
    with pytest.raises(SourceError, match="PACE=workers does not suit webcam 0"):
        make(SOURCE="0", PACE="workers")


def test_a_password_does_not_show_in_the_name(make: Make) -> None:
    with closing(make(SOURCE="rtsp://me:secret@host/s")) as camera:
        assert camera.name == "rtsp://***@host/s"
