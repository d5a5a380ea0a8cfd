"""From the frames of a codec, of any sample format and number of channels, to mono blocks."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import av
import av.audio.plane
import numpy as np
from numpy.typing import NDArray

# Two seconds of CD sound: the calls per block cost little then, and so does the memory.
_BLOCK_SAMPLES = 88_200

# NumPy's type, full scale, and value of silence, by FFmpeg's names of sample formats without the
# "p" of planar ones.
_SAMPLE_FORMATS = {
    "u8": ("u1", 128.0, 128.0),
    "s16": ("i2", 32768.0, 0.0),
    "s32": ("i4", 2147483648.0, 0.0),
    "flt": ("f4", 1.0, 0.0),
    "dbl": ("f8", 1.0, 0.0),
}

_HALF = 0.5
_SIDE = 0.5**0.5 / 2
_WEIGHTS = {"FL": _HALF, "FR": _HALF, "FC": 2 * _SIDE, "LFE": 0.0} | dict.fromkeys(
    ("BL", "BR", "SL", "SR", "BC"), _SIDE
)

_Shape = tuple[str, int, str]
"""Sample format, samples per second, and layout of the channels, as FFmpeg names them."""


def downmix_weights(channels: Sequence[str]) -> NDArray[np.float32]:
    """Return what each channel counts in the mean of the left and right of a stereo downmix.

    Surround sound is mixed as ITU-R BS.775-3, table 2, has it, so that a song is as loud from
    its surround mix as from its stereo one; low effects are left out, as there. Channels without
    known places count alike.

    Args:
        channels: FFmpeg's short names of their places, such as ``FL``; at least one.

    Returns:
        Shape ``(channels,)``.
    """
    if {"FL", "FR"} <= set(channels) <= _WEIGHTS.keys():
        return np.array([_WEIGHTS[name] for name in channels], dtype=np.float32)
    return np.full(len(channels), 1 / len(channels), dtype=np.float32)


def mono_blocks(frames: Iterable[av.AudioFrame]) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Gather frames, mix them down, and yield blocks of about two seconds with their rate.

    A codec's frames last 3 to 100 ms; to mix and resample each by itself would cost as much as
    the decoding. The format, rate and channels may change between frames, which ends a block.

    Yields:
        A block of shape ``(samples,)``, full scale -1 to 1, and its samples per second.

    Raises:
        ValueError: The sample format is not known.
    """
    shape: _Shape | None = None
    channels: tuple[str, ...] = ()
    gathered = np.empty((0, 0), dtype=np.float32)
    filled = 0
    for frame in frames:
        count = frame.samples
        found = (frame.format.name, frame.sample_rate, frame.layout.name)
        if shape is None or shape != found or filled + count > gathered.shape[1]:
            if shape is not None and filled:
                yield _mono(gathered[:, :filled], shape[0], channels), shape[1]
            if shape != found:
                channels = tuple(channel.name for channel in frame.layout.channels)
            shape, filled = found, 0
            size = max(_BLOCK_SAMPLES, count)
            if gathered.shape[0] != len(channels) or gathered.shape[1] < size:
                gathered = np.empty((len(channels), size), dtype=np.float32)
        _copy(frame, gathered[:, filled : filled + count])
        filled += count
    if shape is not None and filled:
        yield _mono(gathered[:, :filled], shape[0], channels), shape[1]


def _copy(frame: av.AudioFrame, target: NDArray[np.float32]) -> None:
    """Copy a frame's samples, not scaled, into an array ``(channels, samples)``.

    `AudioFrame.to_ndarray` copies once more, which costs a tenth of the decoding of MP3.
    """
    sample_type = _sample_format(frame.format.name)[0]
    if frame.format.is_planar:
        for row, plane in zip(target, frame.planes, strict=True):
            row[:] = _values(plane, sample_type, frame.samples)
    else:
        samples = _values(frame.planes[0], sample_type, target.size)
        target[:] = samples.reshape(-1, len(target)).T


def _values(plane: av.audio.plane.AudioPlane, sample_type: str, count: int) -> NDArray[Any]:
    # PyAV's planes have the buffer protocol, which their stubs do not say.
    return np.frombuffer(plane, sample_type, count)  # type: ignore[call-overload,no-any-return]


def _mono(
    gathered: NDArray[np.float32], sample_format: str, channels: Sequence[str]
) -> NDArray[np.float32]:
    """Return the mix of channels as they were copied, full scale -1 to 1."""
    _, full_scale, silence = _sample_format(sample_format)
    weights = downmix_weights(channels) / np.float32(full_scale)
    return np.asarray(weights @ gathered - np.float32(silence * weights.sum()))


def _sample_format(name: str) -> tuple[str, float, float]:
    try:
        return _SAMPLE_FORMATS[name.removesuffix("p")]
    except KeyError:
        raise ValueError(f"samples of the format {name!r} are not known") from None
