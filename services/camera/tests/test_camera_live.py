import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
from fixtures import Eventually
from mjpeg_server import MjpegServer

from moodcue_camera.camera import LiveCamera
from moodcue_camera.live import Capture, LiveReader, open_stream, open_webcam
from moodcue_camera.pacing import Backoff
from moodcue_camera.sources import Image, SourceError

ABSENT_WEBCAM = 97


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with closing(MjpegServer()) as running:
        yield running


class Retries:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def reader(name: str, opener: Callable[[], Capture], *, on_retry: Callable[[], None]) -> LiveReader:
    return LiveReader(
        name,
        open_capture=opener,
        backoff=Backoff(first_seconds=0.02, longest_seconds=0.1),
        clock=time.time_ns,
        on_retry=on_retry,
    )


def test_a_stream_that_breaks_is_reported_and_comes_back_by_itself(
    server: MjpegServer, eventually: Eventually
) -> None:
    retries = Retries()
    source = reader("kitchen", lambda: open_stream(server.url), on_retry=retries)
    with closing(LiveCamera(source, rate=60)) as camera:
        camera.open()
        before = time.time_ns()
        eventually(lambda: camera.shoot(0) is not None, "a first picture")
        assert camera.problem() is None

        server.broken.set()
        eventually(camera.problem, "the break is noticed")
        assert "kitchen" in str(camera.problem()) or server.url in str(camera.problem())
        eventually(lambda: retries.count >= 2, "it tries again")

        server.level = 200
        server.broken.clear()
        eventually(lambda: brightness_now(camera) == pytest.approx(200, abs=5), "it comes back")
        assert camera.problem() is None
        assert server.connections >= 2
        assert (shot := first_shot(camera, eventually)) is not None
        assert before < shot <= time.time_ns()


def test_a_stream_that_falls_silent_is_reported_and_comes_back_by_itself(
    server: MjpegServer, eventually: Eventually
) -> None:
    source = reader("kitchen", lambda: open_stream(server.url), on_retry=lambda: None)
    with closing(LiveCamera(source, rate=60)) as camera:
        camera.open()
        eventually(lambda: camera.shoot(0) is not None, "a first picture")

        server.silent.set()
        eventually(camera.problem, "the silence is noticed")
        assert camera.stuck() is None

        server.silent.clear()
        eventually(lambda: camera.problem() is None, "the source is well again")
        eventually(lambda: camera.shoot(0) is not None, "pictures come again")


def brightness_now(camera: LiveCamera) -> float:
    shot = camera.shoot(0)
    return -1.0 if shot is None else float(shot.image.mean())


def first_shot(camera: LiveCamera, eventually: Eventually) -> int:
    times: list[int] = []

    def seen() -> bool:
        shot = camera.shoot(0)
        times.extend([shot.time] if shot else [])
        return bool(times)

    eventually(seen, "a picture")
    return times[0]


def test_an_absent_webcam_is_named_with_the_remedy() -> None:
    with pytest.raises(SourceError, match=r"webcam 97 cannot be opened; check that it is plugged"):
        open_webcam(ABSENT_WEBCAM)


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(SourceError, match=r"http://\*\*\*@127.0.0.1:9/x cannot be opened"):
        open_stream("http://me:secret@127.0.0.1:9/x")


def test_an_absent_webcam_is_tried_again_and_again(eventually: Eventually) -> None:
    retries = Retries()
    source = reader("webcam 97", lambda: open_webcam(ABSENT_WEBCAM), on_retry=retries)
    with closing(LiveCamera(source, rate=60)) as camera:
        camera.open()
        eventually(lambda: retries.count >= 3, "three attempts")
        assert "webcam 97 cannot be opened" in str(camera.problem())
        assert camera.shoot(0) is None


class ScriptedWebcam:
    """A device that gives numbered pictures at once until it is unplugged."""

    def __init__(self, pictures: int) -> None:
        self._left = pictures
        self.closed = False

    def read(self) -> Image | None:
        if self._left == 0:
            return None
        self._left -= 1
        return np.full((1, 1, 3), self._left, np.uint8)

    def close(self) -> None:
        self.closed = True


def test_only_the_newest_picture_is_kept_and_given_once(eventually: Eventually) -> None:
    plugged = [ScriptedWebcam(40)]

    def opener() -> Capture:
        if not plugged:
            raise SourceError("webcam 0 cannot be opened")
        return plugged.pop()

    webcam = plugged[0]
    source = reader("webcam 0", opener, on_retry=lambda: None)
    with closing(LiveCamera(source, rate=60)) as camera:
        camera.open()
        eventually(lambda: webcam.closed, "it is read to its end")
        shot = camera.shoot(0)
        assert shot is not None
        assert shot.image.max() == 0
        assert camera.shoot(1) is None
        assert camera.problem() is not None


class HangingWebcam(ScriptedWebcam):
    """A device whose second picture comes when a test says so."""

    def __init__(self) -> None:
        super().__init__(2)
        self.hanging = threading.Event()
        self.go_on = threading.Event()

    def read(self) -> Image | None:
        if self._left == 1:
            self.hanging.set()
            self.go_on.wait(20)
        return super().read()


def test_a_read_that_does_not_end_wants_a_new_start_and_a_long_pause_does_not(
    eventually: Eventually,
) -> None:
    now = [0.0]
    webcam = HangingWebcam()
    left = [webcam]

    def opener() -> Capture:
        if not left:
            raise SourceError("webcam 0 cannot be opened")
        return left.pop()

    source = LiveReader(
        "webcam 0",
        open_capture=opener,
        backoff=Backoff(first_seconds=3600, longest_seconds=3600),
        clock=time.time_ns,
        on_retry=lambda: None,
        monotonic=lambda: now[0],
    )
    with closing(LiveCamera(source, rate=60)) as camera:
        camera.open()
        assert webcam.hanging.wait(20)
        assert camera.stuck() is None
        now[0] = 31
        assert "webcam 0: reading it has not ended for 31 s" in str(camera.stuck())

        webcam.go_on.set()
        eventually(lambda: webcam.closed, "the read has ended")
        now[0] = 1000
        eventually(lambda: camera.stuck() is None, "it waits for the next attempt")
