"""Browsers as cameras: a real WebSocket client, a real broker, and a worker that takes frames."""

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import cv2
import numpy as np
import pytest
import zmq
from gateway_harness import System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from moodcue.bus import MAX_FRAME_BYTES, Port
from moodcue.bus import connect as connect_socket
from moodcue.codec import encode, from_frames
from moodcue.control import WorkerReady
from moodcue.errors import ProtocolError
from moodcue.events import Frame
from moodcue.identity import NS_PER_SECOND, system_clock
from moodcue.tracing import Step
from moodcue_gateway.browser_cameras import BrowserCamera, BrowserCameras, CameraLimits, Refusal
from moodcue_gateway.jpeg import jpeg_size
from moodcue_gateway.metrics import GatewayMetrics

KEY = "0123456789abcdef"
OTHER_KEY = "fedcba9876543210"


def picture(width: int = 320, height: int = 240, quality: int = 70) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
    large = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return bytes(cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def message(jpeg: bytes, *, age_ms: int = 0) -> bytes:
    return struct.pack(">H", age_ms) + jpeg


class Browser:
    """What a browser does while it is a camera."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def hello(self, name: str = "sofa", key: str = KEY) -> dict[str, Any]:
        self.socket.send(f'{{"name": "{name}", "key": "{key}"}}')
        return self.answer()

    def send(self, data: bytes | str) -> dict[str, Any]:
        self.socket.send(data)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        return answer

    def refusal(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as closed:
            self.socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


Connect = Callable[..., Browser]


@pytest.fixture
def browser(system: System) -> Iterator[Connect]:
    with ExitStack() as stack:

        def opened(**options: Any) -> Browser:
            url = system.gateway.url.replace("http", "ws", 1)
            return Browser(stack.enter_context(connect(f"{url}/v1/camera", **options)))

        yield opened


class Worker:
    """Takes frames from the broker as a face-emotion worker does."""

    def __init__(self, system: System) -> None:
        self._socket = connect_socket(
            system.context, zmq.DEALER, system.address, Port.WORKERS, max_bytes=MAX_FRAME_BYTES
        )
        self._done = ""

    def frame(self) -> tuple[Frame, bytes]:
        # A wish may be repeated: it counts once.
        for _ in range(100):
            self._socket.send(encode(WorkerReady(worker="fer/test", done=self._done)))
            if self._socket.poll(200):
                received = from_frames(self._socket.recv_multipart())
                assert isinstance(received.event, Frame)
                self._done = received.event.id
                return received.event, received.body
        pytest.fail("no frame came")


def test_a_picture_of_a_browser_is_a_frame_of_a_camera_of_its_own(
    system: System, browser: Connect
) -> None:
    system.start()
    worker = Worker(system)
    sofa, desk = browser(), browser()

    assert sofa.hello("sofa") == {"camera": "sofa", "rate": 5.0, "max_bytes": 131_072}
    desk.hello("desk", OTHER_KEY)
    assert sofa.send(message(picture(), age_ms=200)) == {"taken": True, "reason": "sent"}
    frame, body = worker.frame()
    assert desk.send(message(picture(160, 120)))["taken"]
    other, _ = worker.frame()

    assert (frame.camera, frame.width, frame.height) == ("sofa", 320, 240)
    assert body == picture()
    assert 0.2 <= (system_clock() - frame.time) / NS_PER_SECOND < 10
    assert (other.camera, other.width, other.height) == ("desk", 160, 120)


class Recorder:
    """Keeps the steps that a tracer is told of."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def record(self, step: Step) -> None:
        self.steps.append(step)


def test_the_trace_of_a_picture_begins_where_it_came_in(system: System, browser: Connect) -> None:
    gateway = system.start()
    recorder = gateway.parts.bus.tracer = Recorder()
    worker, camera = Worker(system), browser()
    camera.hello()
    camera.send(message(picture()))
    frame, _ = worker.frame()

    [step] = recorder.steps
    assert (step.name, step.trace, step.taken, step.made) == (
        "publish frame",
        frame.trace,
        "",
        frame.id,
    )


def test_pictures_beyond_the_rate_are_left_out_and_the_browser_is_told(
    system: System, browser: Connect
) -> None:
    gateway = system.start(browser_camera_rate=0.2)
    camera = browser()
    camera.hello()

    answers = [camera.send(message(picture()))["reason"] for _ in range(5)]

    assert answers == ["sent", "sent", "too_fast", "too_fast", "too_fast"]
    metrics = gateway.client.get("/metrics").text
    assert 'browser_frames_total{outcome="too_fast"} 3.0' in metrics
    assert "browser_frame_age_seconds_count 5.0" in metrics


def test_a_silent_broker_is_said_with_each_picture(system: System, browser: Connect) -> None:
    system.start_gateway()
    camera = browser()
    camera.hello()

    assert camera.send(message(picture())) == {"taken": False, "reason": "no_broker"}


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("hello", "first message"),
        ('{"name": "sofa"}', "key"),
        ('{"name": "../sofa", "key": "0123456789abcdef"}', "name"),
        ('{"name": "sofa", "key": "short"}', "key"),
        (b"\0\0", "begin with"),
    ],
)
def test_whoever_does_not_say_its_name_is_refused(
    system: System, browser: Connect, first: str | bytes, words: str
) -> None:
    system.start_gateway()
    camera = browser()
    camera.socket.send(first)

    code, reason = camera.refusal()
    assert code == 4400
    assert words in reason


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"\0\0GIF89a", 4415, "47 49 46 38"),
        (b"", 4415, "nothing"),
        (message(picture()[:-10]), 4415, "end is missing"),
        (message(b"\xff\xd8\xff\xd9"), 4415, "how large"),
        (message(picture() + b"\0" * 131_072), 4413, "at most 131072"),
        (message(picture(2048, 64)), 4413, "at most 1920"),
        ("text", 4400, "binary"),
    ],
)
def test_what_is_no_picture_ends_the_connection_with_a_reason(
    system: System, browser: Connect, data: bytes | str, code: int, words: str
) -> None:
    system.start_gateway()
    camera = browser()
    camera.hello()
    camera.socket.send(data)

    found, reason = camera.refusal()
    assert found == code
    assert words in reason


def test_a_name_belongs_to_the_browser_that_has_it_and_its_new_connection_replaces_the_old(
    system: System, browser: Connect
) -> None:
    system.start_gateway()
    first, other, again = browser(), browser(), browser()
    first.hello("sofa", KEY)
    other.socket.send(f'{{"name": "sofa", "key": "{OTHER_KEY}"}}')

    code, reason = other.refusal()
    assert (code, "another browser" in reason) == (4409, True)
    assert again.hello("sofa", KEY)["camera"] == "sofa"
    first.socket.send(message(picture()))
    assert first.refusal()[0] == 4001


def test_the_name_of_a_camera_on_the_bus_is_taken(system: System, browser: Connect) -> None:
    gateway = system.start()
    system.source().face("hall")
    system.eventually(
        lambda: 'received_total{family="face-emotion"} 1.0' in gateway.client.get("/metrics").text,
        "the reading of the other camera has come",
    )
    camera = browser()
    camera.socket.send(f'{{"name": "hall", "key": "{KEY}"}}')

    code, reason = camera.refusal()
    assert (code, "another camera" in reason) == (4409, True)


def test_one_browser_too_many_is_refused_until_another_leaves(
    system: System, browser: Connect
) -> None:
    gateway = system.start_gateway(max_browser_cameras=1)
    first, second = browser(), browser()
    first.hello("sofa", KEY)
    second.socket.send(f'{{"name": "desk", "key": "{OTHER_KEY}"}}')

    code, reason = second.refusal()
    assert (code, "MAX_BROWSER_CAMERAS" in reason) == (4429, True)
    first.socket.close()
    system.eventually(lambda: len(gateway.parts.cameras) == 0, "the first has left")
    assert browser().hello("desk", OTHER_KEY)["camera"] == "desk"


def test_a_foreign_page_cannot_be_a_camera(system: System, browser: Connect) -> None:
    system.start_gateway()
    with pytest.raises(InvalidStatus) as refused:
        browser(origin="https://evil.example")

    assert refused.value.response.status_code == 403


def test_our_own_page_can_be_one(system: System, browser: Connect) -> None:
    gateway = system.start_gateway()

    assert browser(origin=gateway.url).hello()["camera"] == "sofa"


def test_where_a_browser_is_a_camera_no_camera_is_missing(system: System, browser: Connect) -> None:
    gateway = system.start()
    camera = browser()
    assert "camera" in gateway.client.get("/v1/status").json()["missing"]
    camera.hello()

    system.eventually(
        lambda: "camera" not in gateway.client.get("/v1/status").json()["missing"],
        "the browser counts as a camera",
    )


def test_a_gateway_that_stops_sends_its_cameras_away(system: System, browser: Connect) -> None:
    system.start_gateway()
    camera = browser()
    camera.hello()
    thread = threading.Thread(target=system.stop_gateway)
    thread.start()

    assert camera.refusal()[0] == 1012
    thread.join()


def test_the_stated_rate_follows_what_comes() -> None:
    now = [0.0]
    camera = BrowserCamera("sofa", KEY, 5.0, lambda: now[0])
    for _ in range(30):
        assert camera.may_send()
        now[0] += 1.0
    assert camera.rate == pytest.approx(1.0, abs=0.01)

    for _ in range(30):
        now[0] += 0.2
        assert camera.may_send()
    assert camera.rate == pytest.approx(5.0, abs=0.01)


def test_a_browser_may_take_up_its_own_name_again_at_once() -> None:
    faces = {"sofa": 0}
    cameras = BrowserCameras(
        CameraLimits(cameras=1, rate=5, bytes=1000),
        faces_seen=faces.__getitem__,
        metrics=GatewayMetrics(CollectorRegistry()),
    )
    with cameras.opened("sofa", key=KEY):
        faces["sofa"] = system_clock()

    with cameras.opened("sofa", key=KEY) as camera:
        assert camera.name == "sofa"
    with pytest.raises(Refusal, match="another camera"), cameras.opened("sofa", key=OTHER_KEY):
        pass


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 100))
def test_the_size_of_any_jpeg_is_read(width: int, height: int, quality: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]

    assert jpeg_size(bytes(data)) == (width, height)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_size_or_a_protocol_error(data: bytes) -> None:
    try:
        width, height = jpeg_size(b"\xff\xd8\xff" + data + b"\xff\xd9")
    except ProtocolError:
        return
    assert width > 0
    assert height > 0
