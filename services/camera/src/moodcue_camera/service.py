"""The loop that sends a camera's pictures over the bus."""

import threading
import time
from dataclasses import dataclass, field

import structlog

from moodcue.bus import Publisher, Subscriber
from moodcue.errors import ProtocolError
from moodcue.events import FaceEmotion, Frame, ServiceState
from moodcue.health import Problem, Pulse
from moodcue.identity import new_id, new_trace
from moodcue.lifecycle import Heartbeat
from moodcue.topics import Family, topic
from moodcue.tracing import Laps, Step, Tracer
from moodcue_camera.camera import Camera
from moodcue_camera.encoding import encode_jpeg, fit
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.pacing import Pace, Seconds
from moodcue_camera.sources import Shot

_LONGEST_WAIT_SECONDS = 0.2
_FULL_WAIT_SECONDS = 0.02
_QUIET_SECONDS, _QUIET_SLOTS = 5.0, 3.0
_log = structlog.get_logger(__name__)


class WorkerAnswers:
    """Listens to the face emotions of one camera."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    def wait(self, seconds: float) -> list[str]:
        """Wait for one answer and take those that came with it."""
        found: list[str] = []
        left = seconds
        while True:
            try:
                message = self._subscriber.receive(left)
            except ProtocolError as error:
                _log.warning("camera.bad_answer", error=str(error))
                continue
            if message is None:
                return found
            if isinstance(message.event, FaceEmotion):
                found.append(message.event.frame_id)
            left = 0.0

    def close(self) -> None:
        """Close the subscription."""
        self._subscriber.close()


@dataclass(frozen=True)
class FrameFormat:
    """How frames are named and encoded."""

    camera: str
    max_size: int
    jpeg_quality: int


@dataclass
class CameraService:
    """Takes pictures when they are due and sends them, until stopped.

    Attributes:
        camera: open.
        pace: decides when and which.
        format: of the frames.
        frames: publisher to the broker's port for frames; of the loop's thread.
        answers: of the workers, if they set the pace.
        metrics: of this camera.
        tracer: told of the frames that were sent, where somebody traces.
        exit_at_end: leave the loop when the source has ended.
        monotonic: for the age of the newest frame.
    """

    camera: Camera
    pace: Pace
    format: FrameFormat
    frames: Publisher
    answers: WorkerAnswers | None
    metrics: CameraMetrics
    tracer: Tracer | None = None
    exit_at_end: bool = False
    monotonic: Seconds = time.monotonic
    _topic: str = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _connected: bool = field(default=False, init=False)
    _sending: Pulse | None = field(default=None, init=False)
    _reported: Problem = field(default=None, init=False)
    _late: int = field(default=0, init=False)
    _unanswered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._topic = topic(Family.FRAME, self.format.camera)

    def run(self, *, stop: threading.Event, pulse: Pulse, heartbeat: Heartbeat) -> None:
        """Send frames until stopped, or to the end of the source if that is asked for."""
        self._stop = stop
        while not stop.is_set() and not (self.exit_at_end and self._finished()):
            pulse.beat()
            self._report_change(heartbeat)
            heartbeat.tick()
            if not self._reach_broker():
                continue
            wait = self.pace.wait_seconds()
            if wait > 0:
                self._listen(min(wait, _LONGEST_WAIT_SECONDS))
            else:
                self._shoot()
            self._count_losses()
        self._report_change(heartbeat)
        heartbeat.send(ServiceState.STOPPING, self.camera.problem() or "")

    def _finished(self) -> bool:
        return self.camera.ended and self.pace.idle

    def _reach_broker(self) -> bool:
        # What is sent before the broker subscribes would be lost unseen.
        if not self._connected:
            self._connected = self.frames.wait_until_connected(_LONGEST_WAIT_SECONDS)
        return self._connected

    def _listen(self, seconds: float) -> None:
        if self.answers is None:
            self._stop.wait(seconds)
            return
        for frame_id in self.answers.wait(seconds):
            self.pace.answered(frame_id)

    def _shoot(self) -> None:
        laps = Laps()
        shot = self.camera.shoot(self.pace.take())
        if shot is None:
            # The source is broken or over: look again soon, but do not spin.
            self._listen(min(_LONGEST_WAIT_SECONDS, 0.5 / self.camera.rate))
            return
        laps.lap("capture")
        self._send(shot, laps)

    def _send(self, shot: Shot, laps: Laps) -> None:
        with self.metrics.time_encoding():
            image = fit(shot.image, max_size=self.format.max_size)
            jpeg = encode_jpeg(image, quality=self.format.jpeg_quality)
        laps.lap("encode")
        frame = Frame(
            id=new_id(),
            source=self.frames.source,
            seq=self.frames.next_seq(self._topic),
            time=shot.time,
            trace=new_trace(),
            camera=self.format.camera,
            width=jpeg.width,
            height=jpeg.height,
            rate=self.camera.rate,
        )
        if self.frames.send(self._topic, frame, jpeg.data):
            self.pace.sent(frame.id)
            self._note_sent()
            self.metrics.frame_sent()
            laps.lap("send")
            self._trace(frame, laps)
        else:
            self.metrics.frames_dropped("queue_full")
            self._listen(_FULL_WAIT_SECONDS)

    def _trace(self, frame: Frame, laps: Laps) -> None:
        if self.tracer is not None:
            step = Step(
                name="publish frame",
                trace=frame.trace,
                start=laps.start,
                end=laps.end,
                made=frame.id,
                attributes={"camera": frame.camera, "seq": frame.seq},
                stages=laps.stages,
            )
            self.tracer.record(step)

    def _note_sent(self) -> None:
        if self._sending is None:
            self._sending = Pulse(
                max_age_seconds=max(_QUIET_SECONDS, _QUIET_SLOTS / self.camera.rate),
                what=f"{self.camera.name}: no frame has been sent",
                clock=self.monotonic,
            )
        self._sending.beat()

    def _count_losses(self) -> None:
        late, unanswered = self.pace.late, self.pace.unanswered
        if late > self._late:
            self.metrics.frames_dropped("late", count=late - self._late)
        if unanswered > self._unanswered:
            self.metrics.frames_dropped("unanswered", count=unanswered - self._unanswered)
            _log.warning("camera.unanswered", camera=self.format.camera, frames=unanswered)
        self._late, self._unanswered = late, unanswered

    def problem(self) -> Problem:
        """Say what keeps frames from coming, if anything; safe in any thread."""
        if self.camera.problem() is not None:
            return self.camera.problem()
        if not self._connected:
            return "the broker has not answered yet; check MOODCUE_BUS_HOST and MOODCUE_BUS_PORT"
        if self._sending is None:
            return "no frame has been sent yet"
        return self._sending.problem()

    def _report_change(self, heartbeat: Heartbeat) -> None:
        problem = self.camera.problem()
        if problem == self._reported:
            return
        self._reported = problem
        log = _log.bind(camera=self.format.camera, source=self.camera.name)
        if problem is None:
            log.info("camera.recovered")
            heartbeat.send(ServiceState.RUNNING)
        elif self.camera.ended:
            log.info("camera.ended", detail=problem)
            heartbeat.send(ServiceState.DEGRADED, problem)
        else:
            log.warning("camera.broken", detail=problem)
            heartbeat.send(ServiceState.DEGRADED, problem)
