"""The subscriber's client: `for event in moodcue.subscribe("recommendation/"): ...`."""

import asyncio
import logging
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq
import zmq.asyncio

from moodcue.bus import DEFAULT_HOST, DEFAULT_PORT, BusAddress, Subscriber
from moodcue.codec import Message
from moodcue.errors import BusError, ProtocolError, SettingsError
from moodcue.events import AnyEvent
from moodcue.replay import replay
from moodcue.security import load_keys
from moodcue.sequence import SequenceTracker
from moodcue.topics import HISTORY_FAMILIES, check_beginning, family_of

_LOOK_MS = 1000
"""How long a silence may last before it is looked at why."""

_log = logging.getLogger(__name__)


class Subscription:
    """Events of some topics, in order, each once; an iterator and an async iterator.

    A gap in the sequence numbers is filled from the broker's history where there is one; what
    cannot be filled is counted in `lost`. The broker may come and go meanwhile. Not for use by
    several threads at once.
    """

    def __init__(self, address: BusAddress, *, topic: str, after_seq: int | None = None) -> None:
        self._address = address
        self._topic = topic
        self._after_seq = after_seq
        self._sequence = SequenceTracker()
        self._ready: deque[Message] = deque()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._subscriber = Subscriber(self._context, address, topics=[topic])
        self._polled = zmq.asyncio.Socket.shadow(self._subscriber.socket)

    @property
    def lost(self) -> int:
        """How many events were missed for good."""
        return self._sequence.lost

    def problem(self) -> str | None:
        """Say that there is no connection to the broker at this moment, if so."""
        self._subscriber.link.update()
        return self._subscriber.link.problem()

    def get(self, timeout_seconds: float | None = None) -> AnyEvent | None:
        """Return the next event, or None when none came within the timeout (None: no limit).

        Raises:
            BusError: if the broker will not have us for our keys or the want of them, or if a
                replay was asked for and no broker answers.
        """
        message = self.get_message(timeout_seconds)
        return None if message is None else message.event

    def get_message(self, timeout_seconds: float | None = None) -> Message | None:
        """As `get`, with the topic that the event came on."""
        self._replay_once()
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not self._ready:
            remaining = 1.0 if deadline is None else deadline - time.monotonic()
            if not self._receive(max(0.0, min(remaining, 1.0))) and remaining <= 0:
                return None
        return self._ready.popleft()

    def _replay_once(self) -> None:
        if self._after_seq is not None:
            messages, _ = replay(
                self._context, self._address, topic=self._topic, after_seq=self._after_seq
            )
            self._after_seq = None
            self._take(messages)

    def _receive(self, timeout_seconds: float) -> bool:
        try:
            message = self._subscriber.receive(timeout_seconds)
        except ProtocolError as error:
            _log.warning("skipped a message: %s", error)
            return True
        if message is None:
            self._subscriber.link.update()
            if refusal := self._subscriber.link.refusal:
                raise BusError(refusal)
            return False
        event = message.event
        if self._sequence.missing_before(message.topic, event.source, event.seq):
            self._fill_gap(message)
        self._take([message])
        return True

    def _fill_gap(self, message: Message) -> None:
        if family_of(message.topic) not in HISTORY_FAMILIES:
            return
        last = self._sequence.last(message.topic, message.event.source)
        try:
            missed, _ = replay(self._context, self._address, topic=message.topic, after_seq=last)
        except (BusError, ProtocolError) as error:
            _log.warning("could not fill a gap: %s", error)
            return
        self._take(missed)

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            event = message.event
            if self._sequence.accept(message.topic, event.source, event.seq):
                self._ready.append(message)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AnyEvent:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnyEvent:
        await asyncio.to_thread(self._replay_once)
        while not self._ready:
            await self._polled.poll(_LOOK_MS)
            await asyncio.to_thread(self._receive, 0.0)
        return self._ready.popleft().event

    def close(self) -> None:
        """Close the sockets."""
        self._polled.close(linger=0)
        self._subscriber.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def subscribe(
    topic: str = "recommendation/",
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    after_seq: int | None = None,
    curve_dir: Path | None = None,
) -> Subscription:
    """Subscribe to the events of all topics that begin with `topic`.

    The newest value of each topic comes first, then every event as it happens. Nothing is waited
    for here: without a broker, the iterator waits until one is there.

    Args:
        topic: a topic such as `recommendation/kitchen/`, or the beginning of one.
        host: of the broker.
        port: the first of the broker's five.
        after_seq: replay first what the broker has kept after this sequence number; 0: all of it.
        curve_dir: folder with the keys of a client, where the broker demands encryption.

    Raises:
        SettingsError: if the keys cannot be read, or the port or `after_seq` is out of range.
        ProtocolError: if no topic begins with `topic`.
    """
    if after_seq is not None and after_seq < 0:
        raise SettingsError(f"after_seq={after_seq}: numbers count from 1; 0 replays all of them")
    address = BusAddress(host=host, port=port, keys=load_keys(curve_dir))
    return Subscription(address, topic=check_beginning(topic), after_seq=after_seq)
