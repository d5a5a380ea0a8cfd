"""The demo as a newcomer meets it: one command, real processes, real sockets."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import zmq
from demo_process import REPOSITORY, SERVICES, Demo
from fixtures import Context
from service_process import GRACE_SECONDS

import moodcue
from moodcue.bus import BusAddress
from moodcue.events import EmotionWindow, FaceEmotion, Recommendation

RECOMMENDATION = r"camera: \w+, confidence"

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all demos of this run keep their library, so that it is composed once."""
    made = tmp_path_factory.mktemp("demo")
    compose = [sys.executable, "-m", "moodcue_mer_indexer", "compose"]
    subprocess.run([*compose, str(made / ".moodcue" / "music")], check=True, capture_output=True)
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(folder: Path, address: BusAddress) -> Iterator[Demo]:
    made = Demo(folder, address.port, free_port())
    yield made
    made.close()


def test_songs_follow_the_synthetic_face_and_ctrl_c_ends_it_all(demo: Demo) -> None:
    demo.start()
    started = demo.wait_for("the live page is")
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.page_port}/", timeout=10) as page:
        assert b"Moodcue" in page.read()
    first = demo.wait_for(RECOMMENDATION)
    demo.wait_for(r"^    5\. ")
    children = demo.children()

    assert first - started < 30
    assert set(children) == set(SERVICES)

    third = demo.wait_for(RECOMMENDATION, count=3)
    assert third - first == pytest.approx(30, abs=3)
    assert "camera: happiness" in demo.text
    assert "camera: sadness" in demo.text

    before = time.monotonic()
    assert demo.stop() == 0
    assert time.monotonic() - before < GRACE_SECONDS
    assert not any(child.is_running() for child in children.values())


def test_a_killed_process_is_one_line_and_is_started_again(demo: Demo) -> None:
    demo.start(MOODCUE_AGGREGATOR_WINDOW_SECONDS="2")
    demo.wait_for(RECOMMENDATION)
    demo.children()["recommender"].kill()
    demo.wait_for("recommender was killed by SIGKILL; starting it again")
    seen = len([line for _, line in demo.lines if RECOMMENDATION[:6] in line])
    demo.wait_for(RECOMMENDATION, count=seen + 2)

    assert "Traceback" not in demo.text
    assert demo.stop(signal.SIGTERM) == 0


def test_workers_come_and_go_by_hand_and_no_frame_is_read_twice_nor_a_window_lost(
    demo: Demo,
) -> None:
    settings = {"MOODCUE_AGGREGATOR_WINDOW_SECONDS": "2"}
    demo.start("--workers", "1", **settings)
    demo.wait_for(RECOMMENDATION)
    faces: list[FaceEmotion] = []
    windows: list[EmotionWindow] = []
    with (
        moodcue.subscribe("face-emotion/", port=demo.bus_port) as face_events,
        moodcue.subscribe("emotion-window/", port=demo.bus_port) as window_events,
    ):
        by_hand = [start_worker(demo, name) for name in ("hand-1", "hand-2")]
        # Half-way, a worker that began with the demo dies and one of the new ones is stopped.
        for step in range(8):
            if step == 3:
                by_hand[0].terminate()
                assert by_hand[0].wait(10) == 0
            if step == 5:
                demo.children()["fer-1"].terminate()
            window = window_events.get(timeout_seconds=30)
            assert isinstance(window, EmotionWindow)
            windows.append(window)
            while event := face_events.get(timeout_seconds=0.05):
                assert isinstance(event, FaceEmotion)
                faces.append(event)
    by_hand[1].terminate()
    assert by_hand[1].wait(10) == 0

    assert len({face.frame_id for face in faces}) == len(faces)
    assert len({face.source for face in faces}) >= 2
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert [w.seq for w in windows] == list(range(windows[0].seq, windows[0].seq + len(windows)))
    assert all(window.hold is None for window in windows)


def start_worker(demo: Demo, name: str) -> subprocess.Popen[bytes]:
    environment = {"MOODCUE_BUS_PORT": str(demo.bus_port), "MOODCUE_INSTANCE": name}
    return subprocess.Popen(
        [sys.executable, "-m", "moodcue_fer", "run"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )


def test_a_real_clip_and_a_real_library_go_from_sadness_to_happiness(
    demo: Demo, shared_data: Path, tmp_path: Path
) -> None:
    clip = shared_data / "clips" / "sad_to_happy.mp4"
    demo.start(
        "--camera",
        str(clip),
        "--music",
        str(shared_data / "music"),
        MOODCUE_AGGREGATOR_WINDOW_SECONDS="5",
        # Every frame is read, however slow this machine is.
        MOODCUE_CAMERA_PACE="workers",
        # What earlier demos have recommended would be replayed as well.
        MOODCUE_RECOMMENDER_STATE_DIR=str(tmp_path),
    )
    demo.wait_for(RECOMMENDATION, count=4)
    with moodcue.subscribe("recommendation/", port=demo.bus_port, after_seq=0) as subscription:
        answers = [subscription.get(timeout_seconds=10) for _ in range(4)]

    first, *_, last = [answer for answer in answers if isinstance(answer, Recommendation)]
    assert (first.emotion, last.emotion) == ("sadness", "happiness")
    assert not {song.song for song in first.songs} & {song.song for song in last.songs}
    assert mean_valence(first) < 0 < mean_valence(last)
    assert demo.stop() == 0


def mean_valence(answer: Recommendation) -> float:
    return sum(song.valence for song in answer.songs) / len(answer.songs)


def test_pictures_are_neither_on_disk_nor_on_the_public_socket(
    demo: Demo, context: Context
) -> None:
    demo.start(MOODCUE_AGGREGATOR_WINDOW_SECONDS="2")
    demo.wait_for(RECOMMENDATION)
    everything = context.socket(zmq.SUB)
    everything.connect(f"tcp://127.0.0.1:{demo.bus_port + 1}")
    everything.subscribe(b"")
    parts: list[bytes] = []
    while not {b"face-emotion/camera/", b"recommendation/camera/"} <= set(parts):
        assert everything.poll(20_000)
        parts += everything.recv_multipart()
    demo.stop()

    jpeg = b"\xff\xd8\xff"
    assert not [part for part in parts if jpeg in part]
    written = [p for p in (demo.folder / ".moodcue").rglob("*") if p.is_file()]
    state = [p for p in written if "music" not in p.parts]
    assert len(state) > 5
    assert not [path for path in state if jpeg in path.read_bytes()]


@pytest.mark.parametrize("which", ["page", "bus"])
def test_a_taken_port_is_one_line_that_names_the_way_out(demo: Demo, which: str) -> None:
    port = demo.page_port if which == "page" else demo.bus_port + 3
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        demo.start()
        assert demo.process.wait(30) == 1

    variable = "PORT" if which == "page" else "BUS_PORT"
    [(_, line)] = demo.lines
    assert f"port {port} cannot be used" in line
    assert f"make demo {variable}=" in line


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--camera", "nowhere.mp4", "CAMERA=nowhere.mp4: no such file"),
        ("--music", "nowhere", "MUSIC=nowhere: no such folder"),
    ],
)
def test_a_path_that_is_not_there_is_one_line(
    demo: Demo, option: str, value: str, words: str
) -> None:
    demo.start(option, value)

    assert demo.process.wait(30) == 1
    [(_, line)] = demo.lines
    assert words in line


def test_ctrl_c_on_a_terminal_lets_make_end_with_code_0(folder: Path, address: BusAddress) -> None:
    ours, theirs = pty.openpty()
    variables = {
        "BIN": str(Path(sys.executable).parent),
        "BUS_PORT": str(address.port),
        "PORT": str(free_port()),
        "MUSIC": str(folder / ".moodcue" / "music"),
    }
    # The recipe alone: the installation before it has been made.
    command = ["make", "-o", ".venv/.serving", "demo", *(f"{k}={v}" for k, v in variables.items())]
    with subprocess.Popen(
        ["setsid", "--ctty", *command],
        cwd=REPOSITORY,
        env={**os.environ, "MOODCUE_AGGREGATOR_WINDOW_SECONDS": "2"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as make:
        os.close(theirs)
        seen = b""
        while b"    5. " not in seen:
            seen += os.read(ours, 4096)
        left = psutil.Process(make.pid).children(recursive=True)
        os.write(ours, b"\x03")
        before = time.monotonic()
        with suppress(OSError):  # how a terminal says that nobody is left
            while os.read(ours, 4096):
                pass
    os.close(ours)

    assert time.monotonic() - before < GRACE_SECONDS
    assert make.returncode == 0
    assert len(left) > len(SERVICES)
    assert not [process for process in left if process.is_running()]
