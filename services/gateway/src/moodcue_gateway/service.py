"""The gateway on the bus: a thread that listens, and a publisher for requests and heartbeats."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
import zmq

from moodcue.bus import FRAME_HWM, BusAddress, Port, Publisher, Subscriber
from moodcue.codec import Message
from moodcue.errors import BusError, ProtocolError
from moodcue.events import Frame, RecommendationRequest
from moodcue.health import Problem, Pulse
from moodcue.identity import new_id, new_source, new_trace
from moodcue.lifecycle import Heartbeat
from moodcue.replay import replay
from moodcue.sequence import SequenceTracker
from moodcue.topics import Family, family_of, topic
from moodcue.tracing import Laps, Step, Tracer
from moodcue_gateway.journal import JOURNAL_FAMILIES
from moodcue_gateway.metrics import GatewayMetrics

SERVICE = "gateway"

_TOPICS = tuple(
    f"{family.value}/"
    for family in (
        Family.RECOMMENDATION,
        Family.EMOTION_WINDOW,
        Family.FACE_EMOTION,
        Family.TASTE,
        Family.STATUS,
        Family.INDEX,
    )
)
_POLL_SECONDS = 0.1
_BATCH = 200
_REPLAY_RETRY_SECONDS = 2.0
_TICK_SECONDS = 0.25
# Our own heartbeat comes back every second, so this long a silence is the broker's.
_SILENCE_SECONDS = 3.5
_MAX_MISSED = 100
"""With gaps in more topics than these, the whole history is asked for."""

_WHOLE_HISTORY: Mapping[str, int] = {f"{family.value}/": 0 for family in JOURNAL_FAMILIES}
"""Beginnings of topics, and after which numbers their events are wanted."""

Deliver = Callable[[list[Message], bool], None]
"""Takes messages, and whether they come from the broker's history."""

_log = structlog.get_logger(__name__)


class Listener:
    """Reads the bus in a thread of its own and fills gaps from the broker's history.

    Args:
        context: of this process.
        address: of the broker.
        deliver: called in the listener's thread; it may block, the sockets' limits then hold.
        metrics: to count in.
        stall_seconds: how long the thread may not come round.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: BusAddress,
        *,
        deliver: Deliver,
        metrics: GatewayMetrics,
        stall_seconds: float,
    ) -> None:
        self._context = context
        self._address = address
        self._deliver = deliver
        self._metrics = metrics
        self._sequence = SequenceTracker()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self._pulse = Pulse(
            max_age_seconds=stall_seconds, what="the thread that reads the bus has not come round"
        )
        self._missed: dict[str, int] = {}
        self._next_replay = 0.0
        self._last_heard: float | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def problem(self) -> Problem:
        """Say that the thread hangs or has died, if so."""
        if not self._thread.is_alive():
            return "the thread that reads the bus has stopped"
        return self._pulse.problem()

    def silence(self) -> Problem:
        """Say that the broker is silent, if it is."""
        where = f"the broker at {self._address.host}:{self._address.port}"
        if self._last_heard is None:
            return f"{where} has not been heard of; start it, or set MOODCUE_BUS_HOST and _PORT"
        age = time.monotonic() - self._last_heard
        return f"{where} has been silent for {age:.0f} s" if age > _SILENCE_SECONDS else None

    def _run(self) -> None:
        with Subscriber(self._context, self._address, topics=_TOPICS) as subscriber:
            while not self._stop.is_set():
                self._pulse.beat()
                messages = self._receive(subscriber)
                # The history first: it is older than what came meanwhile.
                if subscriber.link.update():
                    self._missed = dict(_WHOLE_HISTORY)
                self._fill_gaps()
                if messages:
                    self._last_heard = time.monotonic()
                    self._deliver(messages, False)  # noqa: FBT003 - the type names it

    def _receive(self, subscriber: Subscriber) -> list[Message]:
        messages: list[Message] = []
        wait = _POLL_SECONDS
        while len(messages) < _BATCH:
            try:
                message = subscriber.receive(wait)
                if message is None:
                    break
                family_of(message.topic)
            except ProtocolError as error:
                self._metrics.events_invalid.inc()
                _log.warning("message.invalid", reason=str(error))
                continue
            finally:
                wait = 0.0
            self._follow(message)
            messages.append(message)
        return messages

    def _follow(self, message: Message) -> None:
        name, event = message.topic, message.event
        missing = self._sequence.missing_before(name, event.source, event.seq)
        last = self._sequence.last(name, event.source)
        self._sequence.accept(name, event.source, event.seq)
        if missing:
            self._metrics.events_lost.inc(missing)
            if family_of(name) in JOURNAL_FAMILIES:
                self._missed.setdefault(name, last)
        if len(self._missed) > _MAX_MISSED:
            self._missed = dict(_WHOLE_HISTORY)

    def _fill_gaps(self) -> None:
        if not self._missed or time.monotonic() < self._next_replay:
            return
        try:
            found = [message for at in self._missed.items() for message in self._replay(*at)]
        except (BusError, ProtocolError) as error:
            _log.warning("history.unavailable", reason=str(error))
            self._next_replay = time.monotonic() + _REPLAY_RETRY_SECONDS
            return
        self._missed.clear()
        # Ids begin with the time of their making, so this is the order in which they were sent.
        found.sort(key=lambda message: message.event.id[:12])
        self._deliver(found, True)  # noqa: FBT003 - the type names it

    def _replay(self, name: str, after_seq: int) -> list[Message]:
        self._pulse.beat()
        messages, _ = replay(self._context, self._address, topic=name, after_seq=after_seq)
        return messages


@dataclass
class Bus:
    """The gateway's end of the bus. Open and use it in the event loop.

    Attributes:
        address: of the broker.
        instance: name of this process.
        metrics: to count in.
        stall_seconds: how long the thread that listens may not come round.
        tracer: told of pictures that were published, where somebody traces.
    """

    address: BusAddress
    instance: str
    metrics: GatewayMetrics
    stall_seconds: float = 10.0
    tracer: Tracer | None = None
    _listener: Listener | None = field(default=None, init=False)
    _publisher: Publisher | None = field(default=None, init=False)
    _frames: Publisher | None = field(default=None, init=False)

    @asynccontextmanager
    async def opened(
        self,
        *,
        deliver: Deliver,
        counters: Callable[[], Mapping[str, float]],
        impaired: Callable[[], Problem],
        on_tick: Callable[[], None],
    ) -> AsyncIterator[None]:
        """Listen and send heartbeats while the block runs.

        Args:
            deliver: takes what came, in the event loop.
            counters: figures for the heartbeat.
            impaired: what does not work, for the heartbeat.
            on_tick: called a few times a second, in the event loop.
        """
        loop = asyncio.get_running_loop()

        async def hand_over(messages: list[Message], replayed: bool) -> None:  # noqa: FBT001 - as Deliver
            deliver(messages, replayed)

        def from_thread(messages: list[Message], replayed: bool) -> None:  # noqa: FBT001 - as Deliver
            # Waiting bounds what is under way between the thread and the loop.
            asyncio.run_coroutine_threadsafe(hand_over(messages, replayed), loop).result()

        with zmq.Context() as context:
            source = new_source(SERVICE, self.instance)
            with (
                Publisher(context, self.address, source=source) as publisher,
                Publisher(
                    context, self.address, source=source, port=Port.FRAMES_IN, hwm=FRAME_HWM
                ) as frames,
            ):
                listener = Listener(
                    context,
                    self.address,
                    deliver=from_thread,
                    metrics=self.metrics,
                    stall_seconds=self.stall_seconds,
                )
                self._publisher, self._frames, self._listener = publisher, frames, listener
                heartbeat = Heartbeat(publisher, SERVICE, self.instance, counters, impaired)
                listener.start()
                beating = asyncio.create_task(_beat(heartbeat, on_tick))
                try:
                    yield
                finally:
                    beating.cancel()
                    with suppress(asyncio.CancelledError):
                        await beating
                    await asyncio.to_thread(listener.stop)
                    self._publisher = self._frames = self._listener = None

    def problem(self) -> Problem:
        """Say what makes a restart of this process necessary, if anything; from any thread."""
        listener = self._listener
        return listener.problem() if listener else None

    def silence(self) -> Problem:
        """Say that the broker is silent, if it is."""
        return self._listener.silence() if self._listener else "the gateway is not open"

    def source_of(self, camera: str) -> tuple[str, str, int]:
        """Return the topic, the source and the next sequence number of a camera's requests."""
        publisher = self._open_publisher()
        name = topic(Family.REQUEST, camera)
        return name, publisher.source, publisher.next_seq(name)

    def request(self, request: RecommendationRequest) -> None:
        """Publish a request.

        Raises:
            BusError: if the queue to the broker is full.
        """
        name = topic(Family.REQUEST, request.camera)
        if not self._open_publisher().send(name, request):
            raise BusError("the queue to the broker is full; try again in a moment")

    def send_frame(
        self, camera: str, jpeg: bytes, *, size: tuple[int, int], rate: float, captured: int
    ) -> None:
        """Publish a picture.

        Args:
            camera: its name.
            jpeg: the picture.
            size: width and height in pixels.
            rate: frames per second of the camera.
            captured: UTC, nanoseconds since 1970.

        Raises:
            BusError: if the queue to the broker is full.
        """
        if self._frames is None:
            raise BusError("the gateway is not open")
        laps = Laps()
        name = topic(Family.FRAME, camera)
        frame = Frame(
            id=new_id(),
            source=self._frames.source,
            seq=self._frames.next_seq(name),
            time=captured,
            trace=new_trace(),
            camera=camera,
            width=size[0],
            height=size[1],
            rate=rate,
        )
        if not self._frames.send(name, frame, jpeg):
            raise BusError("the queue of pictures to the broker is full")
        if self.tracer is not None:
            laps.lap("send")
            step = Step(
                name="publish frame",
                trace=frame.trace,
                start=laps.start,
                end=laps.end,
                made=frame.id,
                attributes={"camera": camera, "seq": frame.seq},
            )
            self.tracer.record(step)

    def _open_publisher(self) -> Publisher:
        if self._publisher is None:
            raise BusError("the gateway is not open")
        return self._publisher


async def _beat(heartbeat: Heartbeat, on_tick: Callable[[], None]) -> None:
    while True:
        heartbeat.tick()
        on_tick()
        await asyncio.sleep(_TICK_SECONDS)
