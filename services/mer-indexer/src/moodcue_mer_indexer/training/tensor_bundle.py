"""Read the weights of a TensorFlow checkpoint (V2, a "tensor bundle") without TensorFlow.

The index is a table of LevelDB (blocks of keys that share prefixes) from names to entries of
protocol buffers; an entry says where in the data file a tensor lies.

Sources: ``tensorflow/core/protobuf/tensor_bundle.proto`` and LevelDB's ``table_format.md``.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodcue.errors import MoodcueError

_FOOTER_BYTES: Final = 48
_TRAILER_BYTES: Final = 5  # of a block: compression and checksum
_FLOAT32: Final = 1
_MORE: Final = 0x80  # bit of a byte of a varint that says that another follows
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class CheckpointError(MoodcueError):
    """A folder that holds no checkpoint, or one that cannot be read."""


def read_tensors(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 tensors of a checkpoint in one shard by their names.

    Args:
        folder: With ``.index`` and ``.data-00000-of-00001``, as `tf.train.Saver` writes them.

    Raises:
        CheckpointError: A file is missing, compressed or damaged.
    """
    try:
        index = (folder / ".index").read_bytes()
        data = (folder / ".data-00000-of-00001").read_bytes()
        return dict(_tensors(index, data))
    except OSError as error:
        raise CheckpointError(
            f"{folder} holds no checkpoint ({error.strerror}: {error.filename}); give the folder "
            "of a model that has .index and .data-00000-of-00001"
        ) from error
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise CheckpointError(f"{folder} cannot be read ({error}); get the files again") from error


def _tensors(index: bytes, data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    footer = index[-_FOOTER_BYTES:]
    position = 0
    handle = []
    for _ in range(4):  # offset and size of the block of metadata, then of the index
        value, position = _varint(footer, position)
        handle.append(value)
    for _, where in _entries(index, offset=handle[2], size=handle[3]):
        offset, position = _varint(where, 0)
        size, _ = _varint(where, position)
        for name, entry in _entries(index, offset=offset, size=size):
            if name:  # the empty name is the header of the bundle
                yield from _tensor(name.decode(), _fields(entry), data=data)


def _tensor(
    name: str, entry: dict[int, list[int | bytes]], *, data: bytes
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the tensor of an entry: type 1, shape 2, offset 4 and size 5 are its fields."""
    if _number(entry, 1) != _FLOAT32:
        return
    shape = [_number(_fields(size), 1) for size in _messages(_fields(_message(entry, 2)), 2)]
    offset, size = _number(entry, 4), _number(entry, 5)
    values = np.frombuffer(data[offset : offset + size], dtype="<f4")
    yield name, values.reshape(shape).astype(np.float32)


def _entries(table: bytes, *, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block, whose keys are stored without what they share."""
    block = table[offset : offset + size]
    if table[offset + size] != 0:
        raise ValueError("a block is compressed")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + length]
        position += length


def _fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Return the fields of a protocol buffer by their numbers."""
    fields: dict[int, list[int | bytes]] = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value: int | bytes
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
        else:
            if kind == _BYTES:
                length, position = _varint(message, position)
            else:
                length = {_FIXED64: 8, _FIXED32: 4}[kind]
            value = message[position : position + length]
            position += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[int | bytes]], number: int) -> int:
    value = fields.get(number, [0])[0]
    return value if isinstance(value, int) else 0


def _messages(fields: dict[int, list[int | bytes]], number: int) -> list[bytes]:
    return [value for value in fields.get(number, []) if isinstance(value, bytes)]


def _message(fields: dict[int, list[int | bytes]], number: int) -> bytes:
    return next(iter(_messages(fields, number)), b"")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, lowest first, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & ~_MORE) << shift
        shift += 7
        if not byte & _MORE:
            return value, position
