import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq
from fixtures import Eventually
from service_process import ServiceProcess

from moodcue.bus import BusAddress, Port
from moodcue.codec import from_frames
from moodcue.events import Frame

STOP_SECONDS = 3.0


@pytest.fixture
def frames_in(context: zmq.Context[zmq.Socket[bytes]], address: BusAddress) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    socket.subscribe(b"")
    socket.bind(address.endpoint(Port.FRAMES_IN))
    return socket


@dataclass
class CameraProcess:
    """A real camera service, with what it has written."""

    process: ServiceProcess
    output: Path
    log: Path

    def stop(self) -> tuple[int, str]:
        """End it in time; return its exit code and its log."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS), self.log.read_text()

    def end(self) -> tuple[int, str]:
        """Wait until it ends by itself; return its exit code and its log."""
        return self.process.wait(), self.log.read_text()


Start = Callable[..., CameraProcess]


@pytest.fixture
def start(address: BusAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    started: list[CameraProcess] = []

    def run(**settings: str) -> CameraProcess:
        environment = {f"MOODCUE_CAMERA_{name}": value for name, value in settings.items()}
        environment["MOODCUE_BUS_PORT"] = str(address.port)
        folder = tmp_path_factory.mktemp("camera")
        output, log = folder / "output", folder / "log"
        process = ServiceProcess(
            "moodcue_camera", "run", environment=environment, output=output, errors=log
        )
        started.append(CameraProcess(process, output, log))
        return started[-1]

    yield run
    for camera in started:
        camera.process.kill()


def test_the_synthetic_camera_sends_frames_and_stops_cleanly(
    start: Start, frames_in: zmq.Socket[bytes]
) -> None:
    camera = start(RATE="20", NAME="demo")
    times = []
    for seq in (1, 2, 3):
        assert frames_in.poll(20_000)
        message = from_frames(frames_in.recv_multipart())
        assert isinstance(message.event, Frame)
        assert message.topic == "frame/demo/"
        assert message.event.seq == seq
        assert message.body[:2] == b"\xff\xd8"
        times.append(message.event.time)
    assert times == sorted(times)
    code, log = camera.stop()
    assert code == 0
    assert "Traceback" not in log


@pytest.mark.parametrize("source", ["97", "rtsp://127.0.0.1:9/stream"])
def test_it_waits_for_an_absent_live_source_and_stops_cleanly(
    start: Start, source: str, frames_in: zmq.Socket[bytes], eventually: Eventually
) -> None:
    camera = start(SOURCE=source, RETRY_FIRST_SECONDS="0.05")
    eventually(lambda: "camera.broken" in camera.log.read_text(), "it says what is wrong")
    assert "cannot be opened" in camera.log.read_text()
    assert not frames_in.poll(0)
    code, log = camera.stop()
    assert code == 0, log


def test_a_path_that_does_not_exist_is_one_clear_line(start: Start) -> None:
    camera = start(SOURCE="/no/such/clip.mp4")
    code, log = camera.end()
    assert code == 1
    assert camera.output.read_text() == ""
    assert log.startswith("moodcue-camera: MOODCUE_CAMERA_SOURCE=/no/such/clip.mp4: no such file")
    assert log.count("\n") == 1


def test_a_file_without_a_video_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video" * 1000)
    camera = start(SOURCE=str(path))
    code, log = camera.end()
    assert code == 1
    assert log.startswith(f"moodcue-camera: {path}: not a video that can be read")
    assert log.count("\n") == 1


def test_a_file_played_once_ends_the_process_if_asked_to(
    start: Start, tmp_path: Path, frames_in: zmq.Socket[bytes], eventually: Eventually
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    camera = start(SOURCE=str(tmp_path), PICTURE_SECONDS="0.5", RATE="10", EXIT_AT_END="true")
    received: list[list[bytes]] = []

    def over() -> bool:
        while frames_in.poll(0):
            received.append(frames_in.recv_multipart())
        return camera.process.poll() is not None and len(received) == 5

    eventually(over, "every frame was sent, and it ended")
    assert camera.process.returncode == 0
    assert "has ended after 0.5 s" in camera.log.read_text()


def test_health_tells_when_frames_come(
    start: Start,
    address: BusAddress,
    frames_in: zmq.Socket[bytes],
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = address.port + len(Port)
    monkeypatch.setenv("MOODCUE_HEALTH_PORT", str(port))
    start(RATE="20")
    assert frames_in.poll(20_000)

    def page(name: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    eventually(lambda: page("readyz")[0] == 200, "it is ready")
    assert 'moodcue_camera_frames_total{camera="camera"}' in page("metrics")[1]
