"""Binding the broker's sockets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import zmq
from zmq.auth.thread import ThreadAuthenticator

from moodcue.bus import (
    EVENT_HWM,
    FRAME_HWM,
    MAX_EVENT_BYTES,
    MAX_FRAME_BYTES,
    BusAddress,
    Port,
    configure,
)
from moodcue.errors import BusError
from moodcue.health import Problem
from moodcue.replay import REPLAY_HWM
from moodcue.security import protect_server

_SUBSCRIBE_TO_ALL = b"\x01"
_MORE = zmq.SNDMORE | zmq.DONTWAIT


@dataclass(frozen=True)
class BrokerSockets:
    """The five sockets that everything else connects to, and what checks its keys."""

    events_in: zmq.Socket[bytes]
    events_out: zmq.Socket[bytes]
    frames_in: zmq.Socket[bytes]
    workers: zmq.Socket[bytes]
    replay: zmq.Socket[bytes]
    authenticator: ThreadAuthenticator | None

    def problem(self) -> Problem:
        """Say that nobody is let in any more, if so; from any thread."""
        if self.authenticator is None or self.authenticator.is_alive():
            return None
        return "the thread that checks keys has stopped"


@contextmanager
def bound_sockets(
    context: zmq.Context[zmq.Socket[bytes]], address: BusAddress
) -> Iterator[BrokerSockets]:
    """Bind all sockets, with the keys of the address as the server's, and close them at the end.

    Raises:
        BusError: if a port is taken or the host is none of this machine's.
    """
    authenticator = _start_authenticator(context, address)
    opened: list[zmq.Socket[bytes]] = []

    def bind(kind: int, port: Port, *, hwm: int, max_bytes: int) -> zmq.Socket[bytes]:
        socket = context.socket(kind)
        opened.append(socket)
        configure(socket, hwm=hwm, max_bytes=max_bytes)
        protect_server(socket, address.keys)
        if kind == zmq.ROUTER:
            # An unreachable worker must be noticed, not swallow its frame.
            socket.router_mandatory = True
        if kind == zmq.XPUB:
            # Manual, so that a newcomer alone gets the last value.
            socket.setsockopt(zmq.XPUB_MANUAL_LAST_VALUE, 1)
        _bind(socket, address, port)
        return socket

    try:
        sockets = BrokerSockets(
            bind(zmq.XSUB, Port.EVENTS_IN, hwm=EVENT_HWM, max_bytes=MAX_EVENT_BYTES),
            bind(zmq.XPUB, Port.EVENTS_OUT, hwm=EVENT_HWM, max_bytes=MAX_EVENT_BYTES),
            bind(zmq.SUB, Port.FRAMES_IN, hwm=FRAME_HWM, max_bytes=MAX_FRAME_BYTES),
            bind(zmq.ROUTER, Port.WORKERS, hwm=EVENT_HWM, max_bytes=MAX_EVENT_BYTES),
            bind(zmq.ROUTER, Port.REPLAY, hwm=REPLAY_HWM, max_bytes=MAX_EVENT_BYTES),
            authenticator,
        )
        sockets.events_in.send(_SUBSCRIBE_TO_ALL)
        sockets.frames_in.subscribe(b"")
        yield sockets
    finally:
        for socket in opened:
            socket.close()
        if authenticator is not None:
            _stop_authenticator(authenticator)


def receive(socket: zmq.Socket[bytes]) -> list[zmq.Frame]:
    """Take the parts of a message that has come, uncopied.

    A short part may hold on to the kilobytes that it came with, so what is kept is to be copied
    (`part.bytes`).

    Raises:
        zmq.Again: if none has.
    """
    parts = [socket.recv(zmq.DONTWAIT, copy=False)]
    while parts[-1].more:
        parts.append(socket.recv(zmq.DONTWAIT, copy=False))
    return parts


def send(socket: zmq.Socket[bytes], parts: Sequence[bytes | zmq.Frame]) -> None:
    """Pass on the parts of a message, uncopied.

    Raises:
        zmq.Again: if the queue to the peer is full.
        zmq.ZMQError: as `zmq.Socket.send`.
    """
    *first, last = parts
    for part in first:
        socket.send(part, _MORE, copy=False)
    socket.send(last, zmq.DONTWAIT, copy=False)


def _bind(socket: zmq.Socket[bytes], address: BusAddress, port: Port) -> None:
    endpoint = address.endpoint(port)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == zmq.EADDRINUSE:
            raise BusError(
                f"port {address.port + port} is taken; stop what listens there, or set "
                "MOODCUE_BUS_PORT to the first of five free ports"
            ) from error
        raise BusError(f"cannot listen on {endpoint}: {error}; check the bind host") from error


def _start_authenticator(
    context: zmq.Context[zmq.Socket[bytes]], address: BusAddress
) -> ThreadAuthenticator | None:
    if address.keys is None:
        return None
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain="*", location=str(address.keys.authorized))
    return authenticator


def _stop_authenticator(authenticator: ThreadAuthenticator) -> None:
    if not authenticator.is_alive():
        # Nobody would take the word to end, and to send it would wait for ever.
        authenticator.pipe.close(linger=0)
        authenticator.pipe = None  # type: ignore[assignment]  # as its own `stop` does
    authenticator.stop()
