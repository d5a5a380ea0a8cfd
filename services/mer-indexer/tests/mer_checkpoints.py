"""Checkpoints in TensorFlow's format with random weights, written by hand."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_checkpoint(folder: Path, tensors: Mapping[str, NDArray[np.float32]]) -> Path:
    """Write tensors as `tf.train.Saver` does: a table with shared prefixes, and the data."""
    folder.mkdir(parents=True)
    data = b""
    entries = [(b"", b"\x08\x01")]  # the header of the bundle: one shard
    for name, values in sorted(tensors.items()):
        raw = values.astype("<f4").tobytes()
        sizes = b"".join(_field(2, _number(1, size)) for size in values.shape)
        entry = _number(1, 1) + _field(2, sizes) + _number(4, len(data)) + _number(5, len(raw))
        entries.append((name.encode(), entry + b"\x35" + bytes(4)))  # a checksum, unread
        data += raw
    (folder / ".data-00000-of-00001").write_bytes(data)
    block = _block(entries)
    where = _varint(0) + _varint(len(block))
    index = _block([(b"z", where)])
    start = len(block) + 5
    footer = _varint(0) + _varint(0) + _varint(start) + _varint(len(index))
    table = block + bytes(5) + index + bytes(5) + footer.ljust(40, b"\0") + bytes(8)
    (folder / ".index").write_bytes(table)
    return folder


def write_taggers(folder: Path, *, seed: int = 0) -> Path:
    """Write both taggers with random weights, scales of either sign among them."""
    generator = np.random.default_rng(seed)
    filters = dict(_normalisation(generator, "batch_normalization", 1))
    kernels = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51)]
    kernels += [(7, 561, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64)]
    for place, kernel in enumerate(kernels):
        name = "conv2d" if place == 0 else f"conv2d_{place}"
        filters |= _convolution(generator, name, kernel)
        filters |= _normalisation(generator, f"batch_normalization_{place + 1}", kernel[-1])
    write_checkpoint(folder / "MSD_musicnn", filters)
    small = dict(_normalisation(generator, "batch_normalization", 1))
    for place, inputs in enumerate((1, 128, 128, 128, 128), start=1):
        small |= _convolution(generator, f"{place}CNN", (3, 3, inputs, 128))
        small |= _normalisation(generator, f"batch_normalization_{place}", 128)
    write_checkpoint(folder / "MSD_vgg", small)
    return folder


def _convolution(
    generator: np.random.Generator, name: str, kernel: tuple[int, ...]
) -> dict[str, NDArray[np.float32]]:
    spread = 1 / np.sqrt(np.prod(kernel[:-1]))
    return {
        f"{name}/kernel": generator.normal(0, spread, kernel).astype(np.float32),
        f"{name}/bias": generator.normal(0, 0.1, kernel[-1]).astype(np.float32),
    }


def _normalisation(
    generator: np.random.Generator, name: str, channels: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield f"{name}/gamma", generator.normal(0, 1, channels).astype(np.float32)
    yield f"{name}/beta", generator.normal(0, 0.1, channels).astype(np.float32)
    yield f"{name}/moving_mean", generator.normal(0.3, 0.1, channels).astype(np.float32)
    yield f"{name}/moving_variance", generator.uniform(0.5, 1, channels).astype(np.float32)


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    block, before = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        own = key[shared:]
        block += _varint(shared) + _varint(len(own)) + _varint(len(value)) + own + value
        before = key
    return block + struct.pack("<II", 0, 1)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
