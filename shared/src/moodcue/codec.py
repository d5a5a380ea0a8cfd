"""Events as frames on the wire, `[topic, header, body?]` with a MessagePack header, and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from moodcue.control import AnyControl, Control
from moodcue.errors import ProtocolError
from moodcue.events import AnyEvent, Event

_MIN_FRAMES, _MAX_FRAMES = 2, 3
_encoder = msgspec.msgpack.Encoder()
_event_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
_control_decoder: msgspec.msgpack.Decoder[AnyControl] = msgspec.msgpack.Decoder(AnyControl)


@dataclass(frozen=True, slots=True)
class Message:
    """An event with the topic that it came on and its raw body, empty where there is none."""

    topic: str
    event: AnyEvent
    body: bytes = b""


def encode(value: Event | Control) -> bytes:
    """Encode an event or a control message as a MessagePack map."""
    return _encoder.encode(value)


def decode_event(data: bytes) -> AnyEvent:
    """Decode and validate an event.

    Raises:
        ProtocolError: if it is no MessagePack, of an unknown type or version, or a field has a
            wrong type or value; the text names the field.
    """
    try:
        return _event_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"not a readable event ({len(data)} bytes): {error}") from error


def decode_control(data: bytes) -> AnyControl:
    """Decode and validate a control message.

    Raises:
        ProtocolError: as `decode_event`.
    """
    try:
        return _control_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"not a readable request ({len(data)} bytes): {error}") from error


def to_frames(topic: str, event: Event, body: bytes = b"") -> list[bytes]:
    """Lay out a message for a multipart send."""
    frames = [topic.encode(), encode(event)]
    if body:
        frames.append(body)
    return frames


def from_frames(frames: Sequence[bytes]) -> Message:
    """Read a multipart message.

    Raises:
        ProtocolError: if the number of frames or their content does not follow the contract.
    """
    if not _MIN_FRAMES <= len(frames) <= _MAX_FRAMES:
        raise ProtocolError(f"a message has 2 or 3 frames, not {len(frames)}")
    try:
        topic = frames[0].decode()
    except UnicodeDecodeError:
        raise ProtocolError(f"topic {frames[0][:40]!r} is not UTF-8") from None
    event = decode_event(frames[1])
    return Message(topic, event, frames[2] if len(frames) == _MAX_FRAMES else b"")


def as_json(message: Message) -> str:
    """Return one line of JSON, for those who read no MessagePack: the event and its topic."""
    fields = {"topic": message.topic, **msgspec.to_builtins(message.event)}
    return msgspec.json.encode(fields).decode()
