"""The worker on the bus: asks the broker for a frame, reads it, publishes what it shows."""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import structlog
import zmq

from moodcue.bus import MAX_FRAME_BYTES, BusAddress, Port, Publisher, configure
from moodcue.codec import Message, encode, from_frames
from moodcue.control import Control, WorkerBye, WorkerReady
from moodcue.errors import ProtocolError
from moodcue.events import FaceEmotion, Frame, FrameStatus, ServiceState
from moodcue.health import Problem, Pulse, Work
from moodcue.identity import NS_PER_SECOND, Clock, new_id, new_source, system_clock
from moodcue.lifecycle import Heartbeat
from moodcue.security import protect_client
from moodcue.topics import Family, topic
from moodcue.tracing import Laps, Step, Tracer
from moodcue_fer.analysis import Analysis, FaceAnalyser
from moodcue_fer.metrics import WorkerMetrics
from moodcue_fer.pictures import PictureError, decode_grey
from moodcue_fer.search import Moment

SERVICE: Final = "fer"
POLL_MS: Final = 100
ASK_SECONDS: Final = 1.0
"""How often a wish is repeated while waiting."""

RETRY_SECONDS: Final = 0.1
"""How often it is tried while the broker is away."""

CONTROL_HWM: Final = 16
"""Control messages that wait for the broker; frames are bounded by the one that is asked for."""

_log = structlog.get_logger(__name__)


class Worker:
    """Takes one newest frame at a time. Use it in the thread that made it, but for `problem`.

    There is no prefetch: a frame that waits here while another one is read would no longer be
    the newest one.

    Args:
        context: The process's ZeroMQ context.
        address: Where the broker is.
        analyser: Reads a frame.
        instance: Name of this worker among all.
        metrics: Where to count.
        stall_seconds: How long frames may come in vain before that is ill.
        tracer: Told of the frames that were read, where somebody traces.
        clock: Wall clock, for the age of frames.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: BusAddress,
        *,
        analyser: FaceAnalyser,
        instance: str,
        metrics: WorkerMetrics,
        stall_seconds: float = 10.0,
        tracer: Tracer | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._analyser = analyser
        self._reading = Work("frames come and no reading has left", max_seconds=stall_seconds)
        self._metrics = metrics
        self._tracer = tracer
        self._clock = clock
        self._source = new_source(SERVICE, instance)
        self._publisher = Publisher(context, address, source=self._source)
        self._dealer = _open_dealer(context, address)
        self._heartbeat = Heartbeat(
            self._publisher, SERVICE, instance, self._counters, self.problem, clock
        )
        self._connected = False
        self._done = ""
        self._next_ask = 0.0
        self._frames = 0
        self._faces = 0

    def problem(self) -> Problem:
        """Say what keeps this worker from its work, if anything; from any thread."""
        connected = None if self._connected else "the broker cannot be reached"
        return connected or self.failing()

    def failing(self) -> Problem:
        """Say that frames come and no reading leaves, if so; from any thread."""
        return self._reading.problem()

    def run(self, stop: threading.Event, *, pulse: Pulse) -> None:
        """Work until `stop` is set; the frame in hand is finished first."""
        # What is published before the broker has subscribed is lost, so no frame is asked for.
        while not stop.is_set() and not self._publisher.wait_until_connected(RETRY_SECONDS):
            pulse.beat()
        while not stop.is_set():
            pulse.beat()
            self._heartbeat.tick()
            self._ask()
            if self._dealer.poll(POLL_MS):
                self._take()
        self._send(WorkerBye(worker=self._source, done=self._done))
        self._heartbeat.send(ServiceState.STOPPING)

    def _ask(self) -> None:
        now = time.monotonic()
        if now < self._next_ask:
            return
        # Repeated while waiting: the broker takes it as a sign of life, not as a second wish.
        connected = self._send(WorkerReady(worker=self._source, done=self._done))
        self._next_ask = now + (ASK_SECONDS if connected else RETRY_SECONDS)
        if connected != self._connected:
            self._connected = connected
            _log.info("broker.connected" if connected else "broker.lost")

    def _send(self, message: Control) -> bool:
        try:
            self._dealer.send(encode(message), zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def _take(self) -> None:
        frames = self._dealer.recv_multipart()
        self._next_ask = 0.0
        try:
            message = from_frames(frames)
        except ProtocolError as error:
            self._refuse(str(error))
            return
        if not isinstance(message.event, Frame):
            self._refuse(f"expected a frame, got {type(message.event).__name__}")
            return
        self._done = message.event.id
        self._publish(message, message.event)

    def _refuse(self, reason: str) -> None:
        self._metrics.refuse()
        _log.warning("frame.refused", reason=reason)
        # Its id is unknown, so it cannot be named as done: leave, and come back as a new worker.
        self._send(WorkerBye(worker=self._source, done=self._done))

    def _publish(self, message: Message, frame: Frame) -> None:
        age = (self._clock() - frame.time) / NS_PER_SECOND
        start = time.perf_counter()
        laps = Laps()
        self._reading.ask()
        try:
            analysis, detail = self._read(message.body, frame, laps)
        except Exception as error:  # noqa: BLE001 - the next frame may be read; else health says so
            _log.exception("frame.failed", camera=frame.camera, trace=frame.trace)
            self._metrics.fail()
            self._reading.fail(f"{type(error).__name__}: {error}")
            return
        seconds = time.perf_counter() - start
        name = topic(Family.FACE_EMOTION, frame.camera)
        event = FaceEmotion(
            id=new_id(),
            source=self._source,
            seq=self._publisher.next_seq(name),
            time=frame.time,
            trace=frame.trace,
            camera=frame.camera,
            frame_id=frame.id,
            frame_seq=frame.seq,
            rate=frame.rate,
            width=frame.width,
            height=frame.height,
            status=_status(analysis),
            faces=analysis.faces if analysis else (),
            detail=detail,
            inference_seconds=seconds,
        )
        self._metrics.note(event, age_seconds=age, search=analysis.search if analysis else None)
        self._frames += 1
        self._faces += len(event.faces)
        if self._publisher.send(name, event):
            self._reading.done()
        else:
            self._metrics.drop()
            self._reading.fail("the queue to the broker is full")
        laps.lap("send")
        self._trace(frame, event, laps)
        _log.debug("frame.read", camera=frame.camera, status=event.status.value, trace=frame.trace)

    def _trace(self, frame: Frame, event: FaceEmotion, laps: Laps) -> None:
        if self._tracer is not None:
            step = Step(
                name="read frame",
                trace=frame.trace,
                start=laps.start,
                end=laps.end,
                taken=frame.id,
                made=event.id,
                attributes={"camera": frame.camera, "faces": len(event.faces)},
                stages=laps.stages,
            )
            self._tracer.record(step)

    def _read(self, body: bytes, frame: Frame, laps: Laps) -> tuple[Analysis | None, str]:
        """Read a picture; without an analysis, the text says what is wrong with it."""
        moment = Moment(camera=frame.camera, time=frame.time)
        try:
            grey = decode_grey(body)
            laps.lap("decode")
            return self._analyser.analyse(grey, moment, on_stage=laps.lap), ""
        except PictureError as error:
            _log.warning("frame.bad", reason=str(error))
            return None, str(error)

    def _counters(self) -> Mapping[str, float]:
        return {
            "frames": self._frames,
            "faces": self._faces,
            "events_dropped": self._publisher.dropped,
        }

    def close(self) -> None:
        """Close the sockets, giving what is unsent a moment to leave."""
        self._dealer.close()
        self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _status(analysis: Analysis | None) -> FrameStatus:
    if analysis is None:
        return FrameStatus.BAD_FRAME
    return FrameStatus.OK if analysis.faces else FrameStatus.NO_FACE


def _open_dealer(context: zmq.Context[zmq.Socket[bytes]], address: BusAddress) -> zmq.Socket[bytes]:
    dealer = context.socket(zmq.DEALER)
    configure(dealer, hwm=CONTROL_HWM, max_bytes=MAX_FRAME_BYTES)
    # Sending fails while the broker is away, so that no stale wish waits for its return.
    dealer.immediate = True
    protect_client(dealer, address.keys)
    dealer.connect(address.endpoint(Port.WORKERS))
    return dealer
