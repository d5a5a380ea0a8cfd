"""The sockets of the aggregator: faces come in, windows go out."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import structlog
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import BusAddress, Publisher, Subscriber
from moodcue.codec import Message
from moodcue.errors import BusError, ProtocolError
from moodcue.events import EmotionWindow, RecommendationRequest, ServiceState
from moodcue.health import Problem, Work
from moodcue.identity import NS_PER_SECOND, Clock
from moodcue.lifecycle import Heartbeat, Running
from moodcue.replay import replay
from moodcue.sequence import SequenceTracker
from moodcue.taxonomy import dominant_emotion
from moodcue.topics import Family, topic
from moodcue.tracing import Laps, Step, Tracer
from moodcue_aggregator.checks import check_face_emotion, check_past_window, check_request
from moodcue_aggregator.metrics import AggregatorMetrics
from moodcue_aggregator.opting import OptOuts
from moodcue_aggregator.restore import earlier_source, last_numbers, restore
from moodcue_aggregator.summary import HoldRules, summarise
from moodcue_aggregator.window import ClosedWindow, WindowRules, Windows

_RECEIVE_SECONDS = 0.1
_CONNECT_SECONDS = 0.2
_LOG_WAITING_SECONDS = 5.0
_REPLAY_SECONDS = 2.0

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Aggregator:
    """Feeds the windows from the bus and publishes them. Use it in one thread.

    Args:
        context: of this process.
        address: of the broker.
        publisher: of this service.
        window_rules: how events become windows.
        hold_rules: when a window has no answer.
        registry: for the metrics.
        tracer: told of the windows that were made, where somebody traces.
        clock: wall clock, for the figure of the delay only.
        monotonic: nanoseconds of a clock that never steps.
        stall_seconds: by how much a window may be overdue before that is ill.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: BusAddress,
        *,
        publisher: Publisher,
        window_rules: WindowRules,
        hold_rules: HoldRules,
        registry: CollectorRegistry,
        clock: Clock,
        tracer: Tracer | None = None,
        monotonic: Clock = time.monotonic_ns,
        stall_seconds: float = 10.0,
    ) -> None:
        self._context = context
        self._address = address
        self._publisher = publisher
        self._rules = hold_rules
        self._clock = clock
        self._tracer = tracer
        self._monotonic = monotonic
        self._sequence = SequenceTracker()
        due = window_rules.length + window_rules.lateness + window_rules.idle_grace
        overdue_seconds = due / NS_PER_SECOND + stall_seconds
        self._windows_due = Work(
            "faces come and no window has left",
            max_seconds=overdue_seconds,
            pause_seconds=overdue_seconds,
        )
        self._restored_ids: frozenset[str] = frozenset()
        self._bad_messages = 0
        self._emitted = 0
        self._metrics = AggregatorMetrics(
            registry,
            window_seconds=window_rules.length / NS_PER_SECOND,
            totals=self.counters,
        )
        self._windows = Windows(window_rules, on_evicted=self._metrics.forget)
        self._opt_outs = OptOuts(max_cameras=window_rules.max_cameras)
        # Subscribed before the history is asked for, so that nothing falls between the two.
        self._subscriber = Subscriber(
            context,
            address,
            topics=[f"{family.value}/" for family in (Family.FACE_EMOTION, Family.REQUEST)],
        )
        self._restored = False

    def ready(self) -> Problem:
        """Say what keeps the windows from being made, if anything; callable from any thread."""
        restored = None if self._restored else "the history has not been fetched yet"
        return self._subscriber.link.problem() or restored or self._windows_due.problem()

    def counters(self) -> Mapping[str, float]:
        """Return the totals for the heartbeat and the metrics; callable from any thread."""
        return {
            **vars(self._windows.counts),
            "windows": self._emitted,
            "forgotten_opt_outs": self._opt_outs.forgotten,
            "cameras": len(self._windows),
            "lost": self._sequence.lost,
            "bad_messages": self._bad_messages,
            "unsent": self._publisher.dropped,
        }

    def run(self, running: Running, heartbeat: Heartbeat, *, wait_seconds: float) -> None:
        """Restore what was open, then work until told to stop.

        Args:
            running: says when to stop, and takes signs of life.
            heartbeat: ticked here.
            wait_seconds: how long the broker may take to appear and to send its history.

        Raises:
            BusError: if it takes longer.
        """
        self._wait_for_broker(running, wait_seconds)
        if not running.stop.is_set():
            self._restore(running, wait_seconds)
        while not running.stop.is_set():
            self.turn()
            heartbeat.tick()
            running.pulse.beat()
        # The open windows are not emitted: the next life rebuilds them from the history.
        heartbeat.send(ServiceState.STOPPING)

    def _wait_for_broker(self, running: Running, wait_seconds: float) -> None:
        started = time.monotonic()
        logged = -_LOG_WAITING_SECONDS
        while not self._publisher.wait_until_connected(_CONNECT_SECONDS):
            waited = time.monotonic() - started
            if running.stop.is_set():
                return
            if waited > wait_seconds:
                raise BusError(
                    f"no broker at {self._address.host}:{self._address.port} within "
                    f"{wait_seconds:g} s; is it running, and are the bus host and port right?"
                )
            if waited - logged >= _LOG_WAITING_SECONDS:
                logged = waited
                _log.info("broker.awaited", host=self._address.host, port=self._address.port)
            running.pulse.beat()

    def _restore(self, running: Running, wait_seconds: float) -> None:
        past_messages = self._history(Family.EMOTION_WINDOW, running, wait_seconds)
        face_messages = self._history(Family.FACE_EMOTION, running, wait_seconds)
        past = self._all_checked(check_past_window, past_messages)
        frames = self._all_checked(check_face_emotion, face_messages)
        for message in face_messages:
            self._note_sequence(message)
        self._restored_ids = frozenset(frame.id for frame in frames)
        self._publisher.source = earlier_source(past, source=self._publisher.source)
        for camera, seq in last_numbers(past, source=self._publisher.source).items():
            self._publisher.restore_seq(topic(Family.EMOTION_WINDOW, camera), seq)
        self._opt_outs.restore(past)
        closed = restore(self._windows, past=past, frames=frames, now=self._monotonic())
        _log.info("history.restored", windows=len(past), frames=len(frames), missed=len(closed))
        self._emit(closed)
        self._restored = True

    def _history(self, family: Family, running: Running, wait_seconds: float) -> list[Message]:
        deadline = time.monotonic() + wait_seconds
        while True:
            running.pulse.beat()
            try:
                messages, _ = replay(
                    self._context,
                    self._address,
                    topic=f"{family.value}/",
                    timeout_seconds=_REPLAY_SECONDS,
                )
            except ProtocolError as error:
                self._refuse(error)
                return []
            except BusError as error:
                if running.stop.is_set():
                    return []
                if time.monotonic() > deadline:
                    raise
                _log.warning("history.awaited", reason=str(error))
            else:
                return messages

    def turn(self) -> None:
        """Wait a moment for a message, take it, emit what is due."""
        self._subscriber.link.update()
        message = self._receive()
        if message is not None and isinstance(message.event, RecommendationRequest):
            request = self._checked(check_request, message)
            if request is not None:
                self._opt_outs.take(request)
        elif message is not None and message.event.id not in self._restored_ids:
            self._note_sequence(message)
            event = self._checked(check_face_emotion, message)
            if event is not None:
                self._windows_due.ask()
                self._emit(self._windows.add(event, now=self._monotonic()))
        self._emit(self._windows.tick(now=self._monotonic()))

    def _receive(self) -> Message | None:
        try:
            return self._subscriber.receive(_RECEIVE_SECONDS)
        except ProtocolError as error:
            self._refuse(error)
            return None

    def _checked(self, check: Callable[[Message], T], message: Message) -> T | None:
        try:
            return check(message)
        except ProtocolError as error:
            self._refuse(error)
            return None

    def _all_checked(self, check: Callable[[Message], T], messages: Iterable[Message]) -> list[T]:
        checked = (self._checked(check, message) for message in messages)
        return [event for event in checked if event is not None]

    def _refuse(self, error: ProtocolError) -> None:
        self._bad_messages += 1
        _log.warning("message.refused", reason=str(error))

    def _note_sequence(self, message: Message) -> None:
        event = message.event
        self._sequence.accept(message.topic, event.source, event.seq)

    def _emit(self, closed: Iterable[ClosedWindow]) -> None:
        for each in closed:
            laps = Laps()
            name = topic(Family.EMOTION_WINDOW, each.camera)
            window, opted_out = self._opt_outs.applied(each)
            event = summarise(
                window,
                opted_out=opted_out,
                rules=self._rules,
                source=self._publisher.source,
                seq=self._publisher.next_seq(name),
            )
            if self._publisher.send(name, event):
                self._windows_due.done()
            if self._tracer is not None:
                laps.lap("summarise and send")
                self._tracer.record(_step_of(event, window, laps))
            self._emitted += 1
            self._metrics.emitted(event, now=self._clock())
            _log_window(event)

    def close(self) -> None:
        """Close the socket that this object has opened."""
        self._subscriber.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _step_of(event: EmotionWindow, window: ClosedWindow, laps: Laps) -> Step:
    """Describe the making of a window: it goes on where the frame ended that weighed most."""
    heaviest = next((frame.id for frame in window.frames if frame.trace == event.trace), "")
    return Step(
        name="make window",
        trace=event.trace,
        start=laps.start,
        end=laps.end,
        taken=heaviest,
        made=event.id,
        attributes={
            "camera": event.camera,
            "frames": event.frames_seen,
            "frames_with_face": event.frames_with_face,
            "hold": event.hold or "none",
        },
    )


def _log_window(window: EmotionWindow) -> None:
    _log.info(
        "window.emitted",
        camera=window.camera,
        start=window.start,
        frames=f"{window.frames_with_face}/{window.frames_seen}/{window.frames_expected}",
        coverage=round(window.coverage, 3),
        confidence=round(window.confidence, 3),
        people=len(window.tracks),
        emotion=dominant_emotion(window.probabilities) if window.probabilities else None,
        hold=window.hold,
        trace=window.trace,
    )
