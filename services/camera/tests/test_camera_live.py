import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from moodcue_camera.camera import LiveCamera
from moodcue_camera.live import Capture, LiveReader, open_stream, open_webcam
from moodcue_camera.pacing import Backoff
from moodcue_camera.sources import Image, SourceError

Eventually = Callable[[Callable[[], object], str], None]
ABSENT_WEBCAM = 97


class MjpegServer:
    """An IP camera on loopback: an endless multipart stream that a test can break and restore."""

    def __init__(self) -> None:
        self.broken = threading.Event()
        self.level = 50
        self.connections = 0
        self._closing = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if camera.broken.is_set():
                    self.send_error(503)
                    return
                camera.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while not (camera.broken.is_set() or camera._closing.wait(0.02)):
                    self._send_picture()

            def _send_picture(self) -> None:
                image = np.full((48, 64, 3), camera.level, np.uint8)
                jpeg = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    camera._closing.wait(0.02)

            def log_message(self, *args: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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
