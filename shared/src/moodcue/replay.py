"""Asking the broker for what it has kept."""

import time

import zmq

from moodcue.bus import BusAddress, Port, connect
from moodcue.codec import Message, decode_control, encode, from_frames
from moodcue.control import ReplayEnd, ReplayRequest
from moodcue.errors import BusError, ProtocolError

REPLAY_HWM = 20_000


def replay(
    context: zmq.Context[zmq.Socket[bytes]],
    address: BusAddress,
    *,
    topic: str,
    after_seq: int = 0,
    timeout_seconds: float = 2.0,
) -> tuple[list[Message], bool]:
    """Fetch the kept events of all topics that begin with `topic`, in order of arrival.

    Args:
        context: of this process.
        address: of the broker.
        topic: a topic or the beginning of one; only families with a history have any.
        after_seq: per topic, only what came after the event with this number; if that one is not
            kept, all that is.
        timeout_seconds: for the whole answer.

    Returns:
        The messages, and whether nothing that was asked for had been discarded already.

    Raises:
        BusError: if the broker does not answer in time.
        ProtocolError: if the answer does not follow the contract.
    """
    deadline = time.monotonic() + timeout_seconds
    socket = connect(context, zmq.DEALER, address, Port.REPLAY, hwm=REPLAY_HWM)
    try:
        socket.send(encode(ReplayRequest(topic=topic, after_seq=after_seq)))
        messages: list[Message] = []
        while socket.poll(max(0, int((deadline - time.monotonic()) * 1000)), zmq.POLLIN):
            frames = socket.recv_multipart()
            if len(frames) > 1:
                messages.append(from_frames(frames))
                continue
            end = decode_control(frames[0])
            if not isinstance(end, ReplayEnd):
                raise ProtocolError(f"a replay ends with replay_end.v1, not {type(end).__name__}")
            return messages, end.complete
    finally:
        socket.close(linger=0)
    raise BusError(
        f"no replay from the broker at {address.endpoint(Port.REPLAY)} within "
        f"{timeout_seconds:g} s; is it running, and are the bus host and port right?"
    )
