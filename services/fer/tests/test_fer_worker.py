import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
import zmq
from fer_pictures import astronaut, grey_astronaut, jpeg
from fixtures import Context, Eventually
from prometheus_client import CollectorRegistry, generate_latest

from moodcue.bus import BusAddress, Port, Publisher, Subscriber
from moodcue.codec import decode_control, encode, from_frames, to_frames
from moodcue.control import Control, WorkerBye, WorkerReady
from moodcue.events import FaceEmotion, FaceProblem, Frame, FrameStatus
from moodcue.health import Pulse
from moodcue_fer.analysis import FaceAnalyser, QualityLimits
from moodcue_fer.app import build_analyser
from moodcue_fer.detectors import HaarDetector
from moodcue_fer.metrics import WorkerMetrics
from moodcue_fer.model import FerModel
from moodcue_fer.search import FaceSearch
from moodcue_fer.settings import FerSettings
from moodcue_fer.worker import Worker

DEADLINE_MS = 20_000


@pytest.fixture(scope="module")
def analyser() -> FaceAnalyser:
    return build_analyser(FerSettings())


@dataclass
class FakeBroker:
    """The broker's two sockets that a worker talks to, played by hand."""

    context: Context
    address: BusAddress
    router: zmq.Socket[bytes] = field(init=False)
    events: zmq.Socket[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.open()
        self.events = self.context.socket(zmq.SUB)
        self.events.bind(self.address.endpoint(Port.EVENTS_IN))
        self.events.subscribe(b"face-emotion/")

    def open(self) -> None:
        """Bind the worker port."""
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        self.router.router_mandatory = True
        self.router.bind(self.address.endpoint(Port.WORKERS))

    def next_control(self) -> tuple[bytes, Control]:
        """Wait for a worker's message: who, and what."""
        deadline = time.monotonic() + DEADLINE_MS / 1000
        while not self.router.poll(20):
            # A bound SUB tells a new publisher of its subscription only when it is asked something.
            self.events.poll(0)
            assert time.monotonic() < deadline, "no worker has spoken"
        identity, data = self.router.recv_multipart()
        return identity, decode_control(data)

    def wait_for(self, wanted: Callable[[Control], bool]) -> bytes:
        """Read messages until one is wanted; return who sent it."""
        while True:
            identity, message = self.next_control()
            if wanted(message):
                return identity

    def next_event(self) -> FaceEmotion:
        """Wait for a face-emotion event."""
        assert self.events.poll(DEADLINE_MS), "no event was published"
        event = from_frames(self.events.recv_multipart()).event
        assert isinstance(event, FaceEmotion)
        return event

    def hand_out(self, number: int, body: bytes, *, camera: str = "kitchen") -> FaceEmotion:
        """Give a frame to a worker that asks and wait for what it publishes."""
        identity = self.wait_for(lambda message: isinstance(message, WorkerReady))
        frame = frame_of(number, camera=camera)
        self.router.send_multipart([identity, *to_frames(f"frame/{camera}/", frame, body)])
        return self.next_event()


def frame_of(number: int, *, camera: str = "kitchen") -> Frame:
    return Frame(
        id=f"frame-{number}",
        source="camera/test",
        seq=number,
        time=time.time_ns(),
        trace=f"{number:032x}",
        camera=camera,
        width=512,
        height=512,
        rate=5.0,
    )


@dataclass
class RunningWorker:
    """A worker in a thread of its own."""

    stop: threading.Event
    thread: threading.Thread
    registry: CollectorRegistry
    parts: list[Worker]


@contextmanager
def running_worker(
    context: Context, address: BusAddress, analyser: FaceAnalyser, *, instance: str = "one"
) -> Iterator[RunningWorker]:
    stop, registry, parts = threading.Event(), CollectorRegistry(), list[Worker]()

    def work() -> None:
        metrics = WorkerMetrics(registry)
        with Worker(
            context, address, analyser=analyser, instance=instance, metrics=metrics
        ) as worker:
            parts.append(worker)
            worker.run(stop, pulse=Pulse())

    thread = threading.Thread(target=work)
    thread.start()
    yield RunningWorker(stop, thread, registry, parts)
    stop.set()
    thread.join(DEADLINE_MS / 1000)
    assert not thread.is_alive()


@pytest.fixture
def fake(context: Context, address: BusAddress) -> FakeBroker:
    return FakeBroker(context, address)


@pytest.fixture
def worker(
    fake: FakeBroker, context: Context, address: BusAddress, analyser: FaceAnalyser
) -> Iterator[RunningWorker]:
    with running_worker(context, fake.address, analyser) as running:
        yield running
    assert address == fake.address


@pytest.mark.usefixtures("worker")
def test_a_frame_with_a_smile_becomes_one_event_that_names_the_frame(fake: FakeBroker) -> None:
    event = fake.hand_out(7, jpeg(astronaut()))
    assert (event.frame_id, event.frame_seq, event.camera) == ("frame-7", 7, "kitchen")
    assert (event.trace, event.seq) == (f"{7:032x}", 1)
    assert event.source.startswith("fer/one-")
    assert (event.status, event.rate) == (FrameStatus.OK, 5.0)
    (face,) = event.faces
    assert face.problem is None
    assert face.probabilities is not None
    assert max(face.probabilities) == face.probabilities[3]
    assert event.inference_seconds > 0


@pytest.mark.usefixtures("worker")
def test_a_bad_frame_and_an_empty_one_are_told_apart_and_work_goes_on(fake: FakeBroker) -> None:
    whole = jpeg(astronaut())
    bad = fake.hand_out(1, whole[:3000])
    assert (bad.status, bad.faces) == (FrameStatus.BAD_FRAME, ())
    assert "cut off" in bad.detail
    missing = fake.hand_out(2, b"")
    assert missing.status is FrameStatus.BAD_FRAME
    nobody = fake.hand_out(3, jpeg(np.full((480, 640, 3), 90, np.uint8)))
    assert (nobody.status, nobody.faces) == (FrameStatus.NO_FACE, ())
    assert fake.hand_out(4, whole).status is FrameStatus.OK
    assert [event.seq for event in (bad, missing, nobody)] == [1, 2, 3]


def test_the_figures_tell_how_frames_were_searched(fake: FakeBroker, worker: RunningWorker) -> None:
    face = jpeg(astronaut())
    for number, body in enumerate((face, face, b""), start=1):
        fake.hand_out(number, body, camera="figures")
    figures = generate_latest(worker.registry).decode()
    assert 'moodcue_fer_searches_total{search="first"} 1.0' in figures
    assert 'moodcue_fer_searches_total{search="local"} 1.0' in figures


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"hello, I am no picture", FrameStatus.BAD_FRAME),
        (jpeg(astronaut())[:-300], FrameStatus.BAD_FRAME),
        (jpeg(np.full((1, 1, 3), 90, np.uint8)), FrameStatus.NO_FACE),
        (jpeg(np.full((7, 3000, 3), 90, np.uint8)), FrameStatus.NO_FACE),
        (jpeg(grey_astronaut()), FrameStatus.OK),
    ],
    ids=["text", "truncated", "one pixel", "a line", "grey"],
)
def test_whatever_comes_as_a_frame_is_answered_by_an_event(
    fake: FakeBroker, body: bytes, status: FrameStatus
) -> None:
    event = fake.hand_out(1, body, camera="odd")
    assert event.status is status
    assert bool(event.detail) == (status is FrameStatus.BAD_FRAME)


@pytest.mark.usefixtures("worker")
def test_the_next_wish_names_the_frame_that_is_done(fake: FakeBroker) -> None:
    fake.hand_out(5, jpeg(astronaut()))
    fake.wait_for(lambda message: isinstance(message, WorkerReady) and message.done == "frame-5")


@pytest.mark.usefixtures("worker")
def test_sequence_numbers_count_per_camera(fake: FakeBroker) -> None:
    empty = jpeg(np.full((48, 64, 3), 90, np.uint8))
    events = [fake.hand_out(n, empty, camera=name) for n, name in ((1, "a"), (2, "b"), (3, "a"))]
    assert [(event.camera, event.seq) for event in events] == [("a", 1), ("b", 1), ("a", 2)]


def test_an_unreadable_message_makes_the_worker_start_over(
    fake: FakeBroker, worker: RunningWorker
) -> None:
    for frames in ([b"frame/kitchen/", b"\xc1"], [encode(WorkerBye(worker="x"))]):
        identity = fake.wait_for(lambda message: isinstance(message, WorkerReady))
        fake.router.send_multipart([identity, *frames])
        fake.wait_for(lambda message: isinstance(message, WorkerBye))
    assert fake.hand_out(2, jpeg(astronaut())).status is FrameStatus.OK
    figures = generate_latest(worker.registry).decode()
    assert "moodcue_fer_messages_refused_total 2.0" in figures
    assert 'moodcue_fer_frames_total{status="ok"} 1.0' in figures


def test_a_worker_asks_again_when_the_broker_is_back(
    fake: FakeBroker, worker: RunningWorker, eventually: Eventually
) -> None:
    fake.hand_out(1, jpeg(astronaut()))
    assert worker.parts[0].problem() is None
    fake.router.close()
    eventually(worker.parts[0].problem, "the worker says that the broker is away")
    fake.open()
    assert fake.hand_out(2, jpeg(astronaut())).frame_id == "frame-2"
    assert worker.parts[0].problem() is None


def test_a_stopped_worker_finishes_its_frame_and_says_goodbye(
    fake: FakeBroker, worker: RunningWorker
) -> None:
    identity = fake.wait_for(lambda message: isinstance(message, WorkerReady))
    fake.router.send_multipart(
        [identity, *to_frames("frame/kitchen/", frame_of(9), jpeg(astronaut()))]
    )
    assert fake.next_event().frame_id == "frame-9"
    worker.stop.set()
    fake.wait_for(lambda message: isinstance(message, WorkerBye))
    worker.thread.join(DEADLINE_MS / 1000)
    assert not worker.thread.is_alive()


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (QualityLimits(minimum_pixels=200), FaceProblem.TOO_SMALL),
        (QualityLimits(minimum_brightness=0.95), FaceProblem.TOO_DARK),
        (QualityLimits(minimum_sharpness=1e6), FaceProblem.TOO_BLURRED),
    ],
)
def test_a_face_below_a_limit_is_reported_and_not_read(
    fake: FakeBroker,
    context: Context,
    limits: QualityLimits,
    problem: FaceProblem,
) -> None:
    strict = FaceAnalyser(search=FaceSearch(HaarDetector()), model=FerModel(), limits=limits)
    with running_worker(context, fake.address, strict):
        event = fake.hand_out(1, jpeg(astronaut()))
    (face,) = event.faces
    assert (event.status, face.problem, face.probabilities) == (FrameStatus.OK, problem, None)


@pytest.mark.usefixtures("broker")
def test_workers_of_the_real_broker_share_the_frames_and_none_is_read_twice(
    context: Context,
    address: BusAddress,
    analyser: FaceAnalyser,
    eventually: Eventually,
) -> None:
    events: list[FaceEmotion] = []
    body = jpeg(astronaut())
    with (
        Subscriber(context, address, topics=["face-emotion/"]) as subscriber,
        Publisher(context, address, source="camera/test", port=Port.FRAMES_IN) as camera,
        running_worker(context, address, analyser, instance="one"),
        running_worker(context, address, build_analyser(FerSettings()), instance="two"),
    ):
        sent = 0

        def both_have_worked() -> bool:
            nonlocal sent
            # The broker prefers the worker that knows a camera, so one camera might keep to one.
            for name in ("kitchen", "hall"):
                sent += 1
                camera.send(f"frame/{name}/", frame_of(sent, camera=name), body)
            message = subscriber.receive(0.05)
            if message is not None and isinstance(message.event, FaceEmotion):
                events.append(message.event)
            return len(events) >= 10 and len({event.source for event in events}) == 2

        eventually(both_have_worked, "two workers have read ten frames")
    seen = [event.frame_id for event in events]
    assert len(seen) == len(set(seen))


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_works_and_stops_cleanly_on_a_signal(
    context: Context, address: BusAddress, number: int
) -> None:
    variables = {"MOODCUE_BUS_PORT": str(address.port), "MOODCUE_INSTANCE": "cli"}
    # No fork of a process that has loaded the model: its threads do not come along.
    process = subprocess.Popen(
        [sys.executable, "-m", "moodcue_fer", "run"],
        env={**os.environ, **variables},
        stderr=subprocess.DEVNULL,
    )
    try:
        with (
            Subscriber(context, address, topics=["face-emotion/"]) as subscriber,
            Publisher(context, address, source="camera/test", port=Port.FRAMES_IN) as camera,
        ):
            message, sent, deadline = None, 0, time.monotonic() + DEADLINE_MS / 1000
            while message is None and time.monotonic() < deadline:
                sent += 1
                camera.send("frame/kitchen/", frame_of(sent), jpeg(astronaut()))
                message = subscriber.receive(0.1)
        assert message is not None
        assert message.event.source.startswith("fer/cli-")
    finally:
        process.send_signal(number)
        assert process.wait(10) == 0


def test_yunet_without_its_file_is_one_clear_line(capfd: pytest.CaptureFixture[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "moodcue_fer", "run"],
        env={**os.environ, "MOODCUE_FER_DETECTOR": "yunet"},
        check=False,
    )
    assert result.returncode == 1
    assert "MOODCUE_FER_YUNET_MODEL" in capfd.readouterr().err.splitlines()[-1]
