import threading
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import cv2
import numpy as np
import pytest
import zmq
from fixtures import Context, Eventually
from prometheus_client import CollectorRegistry

from moodcue.bus import EVENT_HWM, FRAME_HWM, BusAddress, Port, Publisher, Subscriber
from moodcue.codec import Message, from_frames, to_frames
from moodcue.events import FaceEmotion, Frame, FrameStatus, ServiceState, Status
from moodcue.health import Pulse
from moodcue.identity import new_id
from moodcue.lifecycle import Heartbeat
from moodcue.topics import Family, topic
from moodcue_camera.camera import Camera
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.pacing import Pace, SteadyPace, WorkerPace
from moodcue_camera.service import CameraService, FrameFormat, WorkerAnswers
from moodcue_camera.sources import Shot

CAMERA = "kitchen"


class Inbox:
    """A port of the broker that keeps what comes in, read in the test's thread."""

    def __init__(self, context: Context, address: BusAddress, port: Port) -> None:
        self._socket = context.socket(zmq.SUB)
        self._socket.subscribe(b"")
        self._socket.bind(address.endpoint(port))
        self.messages: list[Message] = []

    def update(self) -> list[Message]:
        while self._socket.poll(0):
            self.messages.append(from_frames(self._socket.recv_multipart()))
        return self.messages

    def frames(self) -> list[Frame]:
        return [m.event for m in self.update() if isinstance(m.event, Frame)]

    def statuses(self) -> list[Status]:
        return [m.event for m in self.update() if isinstance(m.event, Status)]

    def last_status(self) -> Status | None:
        return next(reversed(self.statuses()), None)


class SlideShow:
    """A camera of numbered grey pictures whose trouble a test decides."""

    def __init__(self, *, length: int, rate: float) -> None:
        self._length = length
        self.name = "slide show"
        self.rate = rate
        self.ended = False
        self.trouble: str | None = None

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def problem(self) -> str | None:
        return self.trouble

    def stuck(self) -> str | None:
        return None

    def shoot(self, slot: int) -> Shot | None:
        if slot >= self._length:
            self.ended, self.trouble = True, "slide show has ended"
        if self.trouble:
            return None
        return Shot(np.full((96, 128, 3), slot % 256, np.uint8), 1_000 + slot)


class Harness:
    """Runs the service in a thread over real sockets."""

    def __init__(self, context: Context, address: BusAddress) -> None:
        self.context = context
        self.address = address
        self.frames = Inbox(context, address, Port.FRAMES_IN)
        self.events = Inbox(context, address, Port.EVENTS_IN)
        self.metrics = CameraMetrics(CAMERA, registry=CollectorRegistry())
        self.service: CameraService | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, camera: Camera, pace: Pace, *, exit_at_end: bool = False) -> None:
        self._thread = threading.Thread(target=self._run, args=(camera, pace, exit_at_end))
        self._thread.start()

    def _run(self, camera: Camera, pace: Pace, exit_at_end: bool) -> None:  # noqa: FBT001 - a thread's target
        with ExitStack() as stack:
            frames = Publisher(
                self.context,
                self.address,
                source=f"camera/{CAMERA}-a1b2c3",
                port=Port.FRAMES_IN,
                hwm=FRAME_HWM,
            )
            events = Publisher(self.context, self.address, source=f"camera/{CAMERA}-a1b2c3")
            answers = None
            if isinstance(pace, WorkerPace):
                emotions = topic(Family.FACE_EMOTION, CAMERA)
                answers = WorkerAnswers(Subscriber(self.context, self.address, topics=[emotions]))
                stack.callback(answers.close)
            stack.enter_context(frames)
            stack.enter_context(events)
            self.service = CameraService(
                camera=camera,
                pace=pace,
                format=FrameFormat(CAMERA, 64, 85),
                frames=frames,
                answers=answers,
                metrics=self.metrics,
                exit_at_end=exit_at_end,
            )
            heartbeat = Heartbeat(
                events, "camera", "host", self.metrics.counters, problem=self.service.problem
            )
            self.service.run(stop=self._stop, pulse=Pulse(), heartbeat=heartbeat)

    @property
    def alive(self) -> bool:
        # A bound socket subscribes at a new peer when it is used: keep both ports working.
        self.frames.update()
        self.events.update()
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
            assert not self._thread.is_alive()


@pytest.fixture
def harness(context: Context, address: BusAddress) -> Iterator[Harness]:
    made = Harness(context, address)
    yield made
    made.stop()


def steady(rate: float) -> SteadyPace:
    return SteadyPace(rate, clock=monotonic)


def test_frames_carry_their_jpeg_number_time_and_trace(
    harness: Harness, eventually: Eventually
) -> None:
    harness.start(SlideShow(length=10_000, rate=50), steady(50))
    eventually(lambda: len(harness.frames.frames()) >= 5, "five frames")
    frames = harness.frames.frames()
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert len({frame.id for frame in frames} | {frame.trace for frame in frames}) == 2 * len(
        frames
    )
    message = harness.frames.messages[0]
    assert message.topic == "frame/kitchen/"
    assert isinstance(message.event, Frame)
    assert message.event.source == "camera/kitchen-a1b2c3"
    assert (message.event.width, message.event.height) == (64, 48)
    assert (message.event.rate, message.event.time) == (50, 1_000)
    image = cv2.imdecode(np.frombuffer(message.body, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (48, 64, 3)
    assert harness.service is not None
    eventually(lambda: harness.service and harness.service.problem() is None, "it is ready")


def test_it_is_not_ready_before_the_broker_answers(
    context: Context, address: BusAddress, eventually: Eventually
) -> None:
    harness = Harness(context, address)
    harness.address = BusAddress("127.0.0.1", address.port + len(Port) + 1)
    harness.start(SlideShow(length=10, rate=50), steady(50))
    try:
        eventually(lambda: harness.service, "it runs")
        assert harness.service is not None
        assert "MOODCUE_BUS_HOST" in str(harness.service.problem())
    finally:
        harness.stop()
    assert harness.metrics.counters()["frames"] == 0


def test_trouble_and_recovery_are_told_at_once(harness: Harness, eventually: Eventually) -> None:
    camera = SlideShow(length=10_000, rate=50)
    harness.start(camera, steady(50))
    eventually(harness.frames.frames, "a frame")
    camera.trouble = "webcam 0: no more pictures come"

    def told(state: ServiceState) -> bool:
        last = harness.events.last_status()
        return last is not None and last.state == state

    eventually(lambda: told(ServiceState.DEGRADED), "the trouble")
    assert camera.trouble in [status.detail for status in harness.events.statuses()]
    camera.trouble = None
    eventually(lambda: told(ServiceState.RUNNING), "the recovery")
    assert harness.events.statuses()[-1].counters["frames"] >= 1


def test_at_the_end_it_stays_and_says_so(harness: Harness, eventually: Eventually) -> None:
    harness.start(SlideShow(length=3, rate=50), steady(50))

    def told() -> bool:
        return harness.alive and any(
            status.detail == "slide show has ended" for status in harness.events.statuses()
        )

    eventually(told, "the end is told")
    eventually(lambda: len(harness.frames.frames()) == 3, "every frame has left")
    assert harness.alive


def test_it_leaves_at_the_end_if_asked_to(harness: Harness, eventually: Eventually) -> None:
    harness.start(SlideShow(length=3, rate=50), steady(50), exit_at_end=True)
    eventually(lambda: not harness.alive, "it ends by itself")
    eventually(lambda: len(harness.frames.frames()) == 3, "every frame has left")

    def goodbye() -> bool:
        last = harness.events.last_status()
        return last is not None and last.state == ServiceState.STOPPING

    eventually(goodbye, "it says goodbye")


class Workers:
    """Answers frames on the broker's port for events."""

    def __init__(self, context: Context, address: BusAddress) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.sndhwm = EVENT_HWM
        self._socket.bind(address.endpoint(Port.EVENTS_OUT))
        self._answered = 0

    def subscribed(self) -> bool:
        return bool(self._socket.poll(0) and self._socket.recv())

    def answer(self, frame: Frame) -> None:
        self._answered += 1
        answer = FaceEmotion(
            id=new_id(),
            source="fer/test",
            seq=self._answered,
            time=frame.time,
            trace=frame.trace,
            camera=frame.camera,
            frame_id=frame.id,
            frame_seq=frame.seq,
            rate=frame.rate,
            width=frame.width,
            height=frame.height,
            status=FrameStatus.NO_FACE,
        )
        self._socket.send_multipart([b"face-emotion/kitchen/", b"garbage"])
        self._socket.send_multipart(to_frames("face-emotion/kitchen/", answer))


@pytest.fixture
def workers(context: Context, address: BusAddress) -> Workers:
    return Workers(context, address)


def worker_pace(*, in_flight: int = 1, timeout_seconds: float = 60.0) -> WorkerPace:
    return WorkerPace(in_flight=in_flight, timeout_seconds=timeout_seconds, clock=monotonic)


def test_a_file_goes_as_fast_as_the_workers_answer_and_no_frame_is_lost(
    harness: Harness, workers: Workers, eventually: Eventually
) -> None:
    harness.start(SlideShow(length=40, rate=1), worker_pace(), exit_at_end=True)
    eventually(workers.subscribed, "the camera listens to the workers")
    answered = 0
    while harness.alive:
        frames = harness.frames.frames()
        assert len(frames) <= answered + 1, "only one frame is unanswered"
        for frame in frames[answered:]:
            workers.answer(frame)
            answered += 1
    assert [frame.time for frame in harness.frames.frames()] == [1_000 + k for k in range(40)]
    assert harness.metrics.counters()["dropped"] == 0


def test_the_first_frame_waits_for_the_first_worker(
    harness: Harness, workers: Workers, eventually: Eventually
) -> None:
    harness.start(SlideShow(length=40, rate=1), worker_pace(timeout_seconds=0.05))
    eventually(lambda: len(harness.frames.frames()) >= 3, "it is repeated")
    assert {frame.time for frame in harness.frames.frames()} == {1_000}
    assert workers.subscribed()
