"""Asking the broker for what it has kept."""

import logging
import time

import zmq

from moodcue.bus import BusAddress, Port, connect
from moodcue.codec import Message, decode_control, encode, from_frames
from moodcue.control import ReplayEnd, ReplayRequest
from moodcue.errors import BusError, ProtocolError

REPLAY_HWM = 20_000
"""Messages of one reply that may wait at either end; the broker sends no longer ones."""

_log = logging.getLogger(__name__)


def replay(
    context: zmq.Context[zmq.Socket[bytes]],
    address: BusAddress,
    *,
    topic: str,
    after_seq: int = 0,
    timeout_seconds: float = 2.0,
) -> tuple[list[Message], bool]:
    """Fetch the kept events of all topics that begin with `topic`, in their order at the broker.

    A message that cannot be read, for instance of a later version, is logged and left out.

    Args:
        context: of this process.
        address: of the broker.
        topic: a topic or the beginning of one; only families with a history have any.
        after_seq: per topic, only what came after the event with this number; if that one is not
            kept, all that is.
        timeout_seconds: for the whole answer.

    Returns:
        The messages, and whether they are all that was asked for: none had been discarded, none
        was beyond the length of a reply, and all could be read.

    Raises:
        BusError: if the broker does not answer in time.
        ProtocolError: if the answer does not end as the contract says.
    """
    deadline = time.monotonic() + timeout_seconds
    socket = connect(context, zmq.DEALER, address, Port.REPLAY, hwm=REPLAY_HWM)
    try:
        socket.send(encode(ReplayRequest(topic=topic, after_seq=after_seq)))
        messages: list[Message] = []
        unreadable = 0
        while socket.poll(max(0, int((deadline - time.monotonic()) * 1000)), zmq.POLLIN):
            frames = socket.recv_multipart()
            if len(frames) > 1:
                try:
                    messages.append(from_frames(frames))
                except ProtocolError as error:
                    unreadable += 1
                    _log.warning("left a kept message out of a replay: %s", error)
                continue
            end = decode_control(frames[0])
            if not isinstance(end, ReplayEnd):
                raise ProtocolError(f"a replay ends with replay_end.v1, not {type(end).__name__}")
            return messages, end.complete and not unreadable
    finally:
        socket.close(linger=0)
    raise BusError(
        f"no replay from the broker at {address.endpoint(Port.REPLAY)} within "
        f"{timeout_seconds:g} s; is it running, and are the bus host and port right?"
    )
