"""Sockets of the bus with their options: where the broker is, how to publish, how to receive."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Self

import zmq

from moodcue.codec import Message, from_frames, to_frames
from moodcue.errors import SettingsError
from moodcue.events import Event
from moodcue.link import Link
from moodcue.security import CurveKeys, protect_client

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5570
MAX_PORT = 65_531
"""The highest first of five ports."""

EVENT_HWM = 1000
FRAME_HWM = 2
MAX_EVENT_BYTES = 1 << 20
MAX_FRAME_BYTES = 16 << 20
LINGER_MS = 500
MAX_NUMBERED_TOPICS = 10_000
HEARTBEAT_INTERVAL_MS = 1000
HEARTBEAT_TIMEOUT_MS = 3000


class Port(IntEnum):
    """The broker's sockets, as offsets from its first port."""

    EVENTS_IN = 0
    EVENTS_OUT = 1
    FRAMES_IN = 2
    WORKERS = 3
    REPLAY = 4


@dataclass(frozen=True)
class BusAddress:
    """Where the broker is: a host, and the first of five consecutive TCP ports.

    Raises:
        SettingsError: if there are no five ports from that one on.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    keys: CurveKeys | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.port <= MAX_PORT:
            raise SettingsError(
                f"port {self.port} cannot be the broker's; give the first of its five, "
                f"1 to {MAX_PORT} (by default {DEFAULT_PORT})"
            )

    def endpoint(self, port: Port) -> str:
        """Return the ZeroMQ endpoint of one of the broker's sockets."""
        return f"tcp://{self.host}:{self.port + port}"


def configure(socket: zmq.Socket[bytes], *, hwm: int, max_bytes: int) -> None:
    """Set what ZeroMQ leaves unlimited or off.

    Args:
        socket: any socket, before it binds or connects.
        hwm: high-water mark in messages per peer, both directions.
        max_bytes: the largest message part that is accepted from a peer.
    """
    socket.sndhwm = hwm
    socket.rcvhwm = hwm
    socket.maxmsgsize = max_bytes
    socket.linger = LINGER_MS
    socket.heartbeat_ivl = HEARTBEAT_INTERVAL_MS
    socket.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 1000
    socket.ipv6 = True


def connect(
    context: zmq.Context[zmq.Socket[bytes]],
    kind: int,
    address: BusAddress,
    port: Port,
    *,
    hwm: int = EVENT_HWM,
    max_bytes: int = MAX_EVENT_BYTES,
) -> zmq.Socket[bytes]:
    """Open a configured socket of a kind (`zmq.SUB`, …) that is connected to the broker."""
    socket = context.socket(kind)
    configure(socket, hwm=hwm, max_bytes=max_bytes)
    protect_client(socket, address.keys)
    socket.connect(address.endpoint(port))
    return socket


class Publisher:
    """Numbers and sends the events of one source. Use it in the thread that made it.

    What cannot be sent because the queue is full is counted in `dropped`, never waited for.
    While the broker is away, up to the high-water mark of events wait for it.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: BusAddress,
        *,
        source: str,
        port: Port = Port.EVENTS_IN,
        hwm: int = EVENT_HWM,
    ) -> None:
        # XPUB instead of PUB, so that the broker's subscription can be waited for.
        self._socket = context.socket(zmq.XPUB)
        configure(self._socket, hwm=hwm, max_bytes=MAX_EVENT_BYTES)
        self._socket.xpub_nodrop = True
        protect_client(self._socket, address.keys)
        self._socket.connect(address.endpoint(port))
        self._last_seq: OrderedDict[str, int] = OrderedDict()
        self._highest_forgotten = 0
        self._subscribed = False
        self.source = source
        self.dropped = 0

    def wait_until_connected(self, timeout_seconds: float) -> bool:
        """Wait for the broker's subscription; False if it has not come in time.

        What is sent before it has come is lost.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self._subscribed:
            remaining_ms = int((deadline - time.monotonic()) * 1000)
            if remaining_ms < 0:
                break
            self._socket.poll(remaining_ms, zmq.POLLIN)
            self._take_subscriptions()
        return self._subscribed

    def next_seq(self, topic: str) -> int:
        """Take the next number of a topic; the caller puts it into the event.

        Of topics beyond `MAX_NUMBERED_TOPICS`, the one used longest ago is forgotten. Should it
        come again, its numbers go on above all forgotten ones: a gap, but never an old number.
        """
        number = self._last_seq.get(topic, self._highest_forgotten) + 1
        self._set_last(topic, number)
        return number

    def restore_seq(self, topic: str, last: int) -> None:
        """Go on after the last number that an earlier life of this source has used."""
        self._set_last(topic, max(self._last_seq.get(topic, 0), last))

    def _set_last(self, topic: str, number: int) -> None:
        self._last_seq[topic] = number
        self._last_seq.move_to_end(topic)
        if len(self._last_seq) > MAX_NUMBERED_TOPICS:
            _, forgotten = self._last_seq.popitem(last=False)
            self._highest_forgotten = max(self._highest_forgotten, forgotten)

    def send(self, topic: str, event: Event, body: bytes = b"") -> bool:
        """Send an event; False (and counted) if the queue to the broker is full."""
        self._take_subscriptions()
        try:
            self._socket.send_multipart(to_frames(topic, event, body), zmq.DONTWAIT)
        except zmq.Again:
            self.dropped += 1
            return False
        return True

    def _take_subscriptions(self) -> None:
        while self._socket.poll(0, zmq.POLLIN):
            self._subscribed = self._socket.recv().startswith(b"\x01")

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close the socket, giving unsent events `linger_ms` to leave."""
        self._socket.close(linger=linger_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Subscriber:
    """Receives events of some topics. Use it in the thread that made it.

    Attributes:
        socket: connected to the broker.
        link: whether it really is.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: BusAddress,
        *,
        topics: Iterable[str],
        hwm: int = EVENT_HWM,
    ) -> None:
        self.socket = context.socket(zmq.SUB)
        configure(self.socket, hwm=hwm, max_bytes=MAX_EVENT_BYTES)
        protect_client(self.socket, address.keys)
        # Before the connection is made, or the news of it could be missed.
        self.link = Link(self.socket)
        self.socket.connect(address.endpoint(Port.EVENTS_OUT))
        for topic in topics:
            self.socket.subscribe(topic.encode())

    def receive(self, timeout_seconds: float = 0.0) -> Message | None:
        """Return the next message, or None when none came in time.

        Raises:
            ProtocolError: for a message that does not follow the contract; it is consumed, so
                the next call goes on with the one behind it.
        """
        if not self.socket.poll(int(timeout_seconds * 1000), zmq.POLLIN):
            return None
        return from_frames(self.socket.recv_multipart())

    def close(self) -> None:
        """Close the socket."""
        self.link.close()
        self.socket.close(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
