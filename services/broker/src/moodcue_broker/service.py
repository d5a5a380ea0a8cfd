"""The sockets of the broker: one thread, five sockets, no waiting on any peer."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog
import zmq

from moodcue.codec import Message, decode_control, decode_event, encode, from_frames, to_frames
from moodcue.control import ReplayEnd, ReplayRequest, WorkerBye, WorkerPing, WorkerReady
from moodcue.errors import ProtocolError
from moodcue.events import Event, Frame
from moodcue.identity import NS_PER_SECOND
from moodcue.lifecycle import Heartbeat, Running
from moodcue.replay import REPLAY_HWM
from moodcue.topics import Family, family_of
from moodcue.tracing import Step, Tracer
from moodcue_broker.dispatch import Assignment, Dispatcher, WaitingFrame
from moodcue_broker.history import EventHistory, Frames
from moodcue_broker.metrics import BrokerMetrics
from moodcue_broker.sockets import BrokerSockets, receive, send

_POLL_MS = 100
_UPKEEP_SECONDS = 0.1
_FRAME_PARTS = 3
_BATCH = 200
_SUBSCRIBE = b"\x01"[0]
_MAX_REPLAY_EVENTS = REPLAY_HWM - 1
"""With the message that ends it, a whole reply fits into the queue to the one who asked."""

_log = structlog.get_logger(__name__)


class OwnEvents:
    """Sends what the broker itself has to say through its own outgoing socket."""

    def __init__(self, forward: Callable[[Message, list[bytes]], None]) -> None:
        self._forward = forward

    def send(self, topic: str, event: Event, body: bytes = b"") -> bool:
        """Forward an event; always True."""
        frames = to_frames(topic, event, body)
        self._forward(from_frames(frames), frames)
        return True


class Broker:
    """Moves messages between the sockets as the history and the dispatcher decide.

    Use it in one thread.

    Args:
        sockets: bound.
        history: of events.
        dispatcher: of frames.
        metrics: to count in.
        tracer: told of the frames that are handed out, where somebody traces.
    """

    def __init__(
        self,
        *,
        sockets: BrokerSockets,
        history: EventHistory,
        dispatcher: Dispatcher,
        metrics: BrokerMetrics,
        tracer: Tracer | None = None,
    ) -> None:
        self._sockets = sockets
        self._history = history
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._tracer = tracer
        self._totals: Counter[str] = Counter()
        self._own_last: Frames = [b"status/"]
        self._next_upkeep = 0.0
        self._handlers: dict[zmq.Socket[bytes], Callable[[list[zmq.Frame]], None]] = {
            sockets.events_in: self._on_event,
            sockets.events_out: self._on_subscription,
            sockets.frames_in: self._on_frame,
            sockets.workers: self._on_worker,
            sockets.replay: self._on_replay,
        }
        self._poller = zmq.Poller()
        for socket in self._handlers:
            self._poller.register(socket, zmq.POLLIN)

    def run(self, running: Running, heartbeat: Heartbeat) -> None:
        """Work until told to stop."""
        while not running.stop.is_set():
            heartbeat.tick()
            self.turn(_POLL_MS)
            running.pulse.beat()

    def turn(self, timeout_ms: int) -> None:
        """Wait for messages, handle a bounded number from each socket, hand out frames."""
        for socket, _ in self._poller.poll(timeout_ms):
            self._drain(socket, self._handlers[socket])
        now = time.monotonic()
        if now >= self._next_upkeep:
            self._next_upkeep = now + _UPKEEP_SECONDS
            self._keep_up(now)

    def _drain(self, socket: zmq.Socket[bytes], handle: Callable[[list[zmq.Frame]], None]) -> None:
        for _ in range(_BATCH):
            try:
                parts = receive(socket)
            except zmq.Again:
                return
            try:
                handle(parts)
            except ProtocolError as error:
                self._metrics.events_rejected.inc()
                self._totals["messages_rejected"] += 1
                _log.warning("message.rejected", reason=str(error))

    def _on_event(self, parts: list[zmq.Frame]) -> None:
        frames = [part.bytes for part in parts]
        message = from_frames(frames)
        if message.body or family_of(message.topic) is Family.FRAME:
            raise ProtocolError(f"{message.topic} carries a picture; those have a socket of theirs")
        self.forward(message, frames)

    def forward(self, message: Message, frames: list[bytes]) -> None:
        """Keep an event as its family demands and send it to whoever subscribes."""
        event = message.event
        self._history.add(message.topic, event_id=event.id, seq=event.seq, frames=frames)
        self._sockets.events_out.send_multipart(frames)
        self._metrics.events_forwarded.labels(family_of(message.topic).value).inc()
        self._totals["events_forwarded"] += 1

    def forward_own(self, message: Message, frames: list[bytes]) -> None:
        """Forward an event of the broker itself."""
        self._own_last = frames
        self.forward(message, frames)

    def _on_subscription(self, parts: list[zmq.Frame]) -> None:
        wish, topic = parts[0].bytes[0], parts[0].bytes[1:]
        last: list[Frames] = []
        if wish == _SUBSCRIBE:
            self._sockets.events_out.setsockopt(zmq.SUBSCRIBE, topic)
            last = list(self._history.last_values(topic.decode(errors="replace")))
        else:
            self._sockets.events_out.setsockopt(zmq.UNSUBSCRIBE, topic)
        # ZeroMQ gives the one message that follows to this peer alone, if it matches, and the
        # others to all; so something harmless must follow, or an event would miss its readers.
        for event in last or [self._own_last]:
            self._sockets.events_out.send_multipart(event)

    def _on_frame(self, parts: list[zmq.Frame]) -> None:
        # The picture is handed on as it came: neither read nor copied.
        message = from_frames([part.bytes for part in parts[:2]])
        event = message.event
        if not isinstance(event, Frame) or len(parts) != _FRAME_PARTS or not len(parts[2]):
            raise ProtocolError(f"{message.topic} brought no frame with a picture")
        self._metrics.received(event.camera)
        self._totals["frames_received"] += 1
        self._dispatcher.offer(WaitingFrame(event.camera, event.id, time.monotonic(), parts))
        self._hand_out()

    def _on_worker(self, parts: list[zmq.Frame]) -> None:
        identity, payload = _identity_and_payload(parts)
        now = time.monotonic()
        match decode_control(payload):
            case WorkerReady(worker=name, done=done):
                known = self._dispatcher.workers
                self._count_inferred(self._dispatcher.ready(identity, name, done=done, now=now))
                if self._dispatcher.workers > known:
                    _log.info("worker.joined", worker=name)
                self._hand_out()
            case WorkerPing():
                self._dispatcher.ping(identity, now=now)
            case WorkerBye(worker=name, done=done):
                self._count_inferred(self._dispatcher.leave(identity, done=done))
                self._hand_out()
                _log.info("worker.left", worker=name)
            case other:
                raise ProtocolError(f"a worker sent {type(other).__name__}")

    def _count_inferred(self, camera: str | None) -> None:
        if camera is not None:
            self._metrics.inferred(camera)
            self._totals["frames_inferred"] += 1

    def _hand_out(self) -> None:
        while assignment := self._dispatcher.next_assignment(now=time.monotonic()):
            if self._deliver(assignment):
                self._metrics.dispatched(
                    assignment.frame.camera, waited_seconds=assignment.waited_seconds
                )
                self._totals["frames_dispatched"] += 1
                if self._tracer is not None:
                    self._tracer.record(_wait_of(assignment))
            else:
                self._dispatcher.return_undelivered(assignment)
                self._metrics.workers_lost.inc()
                _log.warning("worker.gone", worker=assignment.worker.name)

    def _deliver(self, assignment: Assignment) -> bool:
        try:
            send(self._sockets.workers, [assignment.worker.identity, *assignment.frame.parts])
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                return False
            raise
        return True

    def _on_replay(self, parts: list[zmq.Frame]) -> None:
        identity, payload = _identity_and_payload(parts)
        request = decode_control(payload)
        if not isinstance(request, ReplayRequest):
            raise ProtocolError(f"a replay was asked for with {type(request).__name__}")
        events, complete = self._history.replay(
            request.topic, request.after_seq, limit=_MAX_REPLAY_EVENTS
        )
        end = ReplayEnd(events=len(events), complete=complete)
        try:
            for event in [*events, [encode(end)]]:
                self._sockets.replay.send_multipart([identity, *event], zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            _log.warning("replay.aborted", topic=request.topic, reason=str(error))
            return
        self._metrics.replays.inc()

    def _keep_up(self, now: float) -> None:
        for worker in self._dispatcher.expire(now=now):
            self._metrics.workers_lost.inc()
            _log.warning("worker.lost", worker=worker.name)
        self._metrics.workers.set(self._dispatcher.workers)
        self._metrics.workers_free.set(self._dispatcher.free_workers)
        self._metrics.frames_pending.set(self._dispatcher.pending)
        self._count_drops()

    def _count_drops(self) -> None:
        for (camera, reason), count in self._dispatcher.take_drops().items():
            self._metrics.dropped(camera, reason=reason.value, count=count)
            self._totals[f"frames_dropped_{reason.value}"] += count
            self._totals["frames_dropped"] += count

    def counters(self) -> Mapping[str, float]:
        """Figures for the heartbeat."""
        self._count_drops()
        return {
            "frames_dropped": 0,
            **self._totals,
            "frames_pending": self._dispatcher.pending,
            "workers": self._dispatcher.workers,
            "workers_free": self._dispatcher.free_workers,
            "topics": len(self._history),
            "topics_evicted": self._history.evicted_topics,
            "history_shortened": self._history.shortened,
        }


def _wait_of(assignment: Assignment) -> Step:
    now = time.time_ns()
    frame = decode_event(assignment.frame.parts[1].bytes)
    return Step(
        name="wait for a worker",
        trace=frame.trace,
        start=now - int(assignment.waited_seconds * NS_PER_SECOND),
        end=now,
        taken=frame.id,
        attributes={"camera": assignment.frame.camera, "worker": assignment.worker.name},
    )


def _identity_and_payload(parts: Sequence[zmq.Frame]) -> tuple[bytes, bytes]:
    if len(parts) != 2:  # noqa: PLR2004 - a ROUTER puts the identity before the one payload
        raise ProtocolError(f"a request has one frame, not {len(parts) - 1}")
    return parts[0].bytes, parts[1].bytes
