import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq

from moodcue.bus import BusAddress, Port
from moodcue.codec import from_frames
from moodcue.events import Frame

Eventually = Callable[[Callable[[], object], str], None]
STOP_SECONDS = 3.0


@pytest.fixture
def frames_in(context: zmq.Context[zmq.Socket[bytes]], address: BusAddress) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    socket.subscribe(b"")
    socket.bind(address.endpoint(Port.FRAMES_IN))
    return socket


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(address: BusAddress) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(**settings: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            f"MOODCUE_CAMERA_{name}": value for name, value in settings.items()
        }
        environment["MOODCUE_BUS_PORT"] = str(address.port)
        process = subprocess.Popen(
            [sys.executable, "-m", "moodcue_camera", "run"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=STOP_SECONDS)
    return process.returncode, log


def test_the_synthetic_camera_sends_frames_and_stops_cleanly(
    start: Start, frames_in: zmq.Socket[bytes]
) -> None:
    process = start(RATE="20", NAME="demo")
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
    code, log = stopped(process)
    assert code == 0
    assert "Traceback" not in log


@pytest.mark.parametrize("source", ["97", "rtsp://127.0.0.1:9/stream"])
def test_it_waits_for_an_absent_live_source_and_stops_cleanly(
    start: Start, source: str, frames_in: zmq.Socket[bytes]
) -> None:
    process = start(SOURCE=source, RETRY_FIRST_SECONDS="0.05")
    assert process.stderr is not None
    log = ""
    while "camera.broken" not in log:
        line = process.stderr.readline()
        assert line, f"it ended: {log}"
        log += line
    assert "cannot be opened" in log
    assert not frames_in.poll(0)
    code, rest = stopped(process)
    assert code == 0, rest


def test_a_path_that_does_not_exist_is_one_clear_line(start: Start) -> None:
    process = start(SOURCE="/no/such/clip.mp4")
    output, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert output == ""
    assert log.startswith("moodcue-camera: MOODCUE_CAMERA_SOURCE=/no/such/clip.mp4: no such file")
    assert log.count("\n") == 1


def test_a_file_without_a_video_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video" * 1000)
    process = start(SOURCE=str(path))
    _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert log.startswith(f"moodcue-camera: {path}: not a video that can be read")
    assert log.count("\n") == 1


def test_a_file_played_once_ends_the_process_if_asked_to(
    start: Start, tmp_path: Path, frames_in: zmq.Socket[bytes], eventually: Eventually
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    process = start(SOURCE=str(tmp_path), PICTURE_SECONDS="0.5", RATE="10", EXIT_AT_END="true")
    received: list[list[bytes]] = []

    def over() -> bool:
        while frames_in.poll(0):
            received.append(frames_in.recv_multipart())
        return process.poll() is not None and len(received) == 5

    eventually(over, "every frame was sent, and it ended")
    assert process.returncode == 0
    assert process.stderr is not None
    assert "has ended after 0.5 s" in process.stderr.read()


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
