"""Decode any common audio file to mono float32 samples, a block at a time."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from moodcue.errors import MoodcueError

__all__ = ["AUDIO_SUFFIXES", "AudioError", "decode_audio", "stream_audio"]

AUDIO_SUFFIXES = frozenset(
    (".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma")
)

# A file that yields less than this share of the duration its header states was cut off.
# Encoder delay and padding cost a fraction of a second, never a tenth of a piece.
_MINIMUM_SHARE_DECODED = 0.9
_MINIMUM_SECONDS = 0.5


class AudioError(MoodcueError):
    """An audio file that cannot be used.

    Attributes:
        path: The file.
        reason: What is wrong with it.
        remedy: What a person can do about it.
    """

    def __init__(self, path: Path, *, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


def stream_audio(path: Path, *, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of an audio file in order, resampled and averaged to mono.

    Memory is bounded by one packet and half a second, whatever the length of the file. A file
    that was cut off is noticed where its header states a duration; WAV as FFmpeg reads it, Ogg
    and Opus state none, and give what is there, as in a player.

    Args:
        path: The file; its content decides the format, not its suffix.
        sample_rate: Samples per second wanted.

    Yields:
        Non-empty blocks of shape ``(samples,)``, full scale -1 to 1.

    Raises:
        AudioError: The file is empty, holds no audio, or ends before its stated duration.
    """
    if not path.is_file():
        raise AudioError(path, reason="no such file", remedy="check the path")
    if path.stat().st_size == 0:
        raise AudioError(path, reason="the file is empty", remedy="copy it again")
    decoded = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stated_seconds = (container.duration or 0) / av.time_base
            for block in _mono_blocks(container, path=path, sample_rate=sample_rate):
                decoded += block.size
                yield block
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(
            path,
            reason=f"cannot be decoded as audio ({error})",
            remedy="play it to see whether it is damaged, or remove it from the folder",
        ) from error
    _check_length(path, seconds=decoded / sample_rate, stated_seconds=stated_seconds)


def decode_audio(path: Path, *, sample_rate: int) -> NDArray[np.float32]:
    """Return all samples of an audio file; for short clips, as memory grows with the length.

    Raises:
        AudioError: As `stream_audio`.
    """
    return np.concatenate(list(stream_audio(path, sample_rate=sample_rate)))


def _mono_blocks(
    container: av.container.InputContainer, *, path: Path, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    if not container.streams.audio:
        raise AudioError(
            path, reason="holds no audio", remedy="remove it from the folder or convert it"
        )
    # The channels are averaged here: libswresample would scale stereo by 0.707 and not by 0.5,
    # and the same music would be 3 dB louder from a stereo file than from a mono file.
    # Blocks of half a second cost a third of the time that the codec's blocks of 20 ms do.
    resampler = av.AudioResampler(format="fltp", rate=sample_rate, frame_size=sample_rate // 2)
    for packet in container.demux(container.streams.audio[0]):
        for frame in _decoded(packet):
            for resampled in resampler.resample(frame):
                yield _mono(resampled)
    for resampled in resampler.resample(None):
        yield _mono(resampled)


def _decoded(packet: "av.Packet[av.AudioStream]") -> list[av.AudioFrame]:
    try:
        return packet.decode()
    except av.InvalidDataError:
        # Players skip a damaged packet too; the check of the length decides in the end.
        return []


def _mono(frame: av.AudioFrame) -> NDArray[np.float32]:
    channels = np.asarray(frame.to_ndarray(), dtype=np.float32)
    return np.asarray(channels.mean(axis=0), dtype=np.float32)


def _check_length(path: Path, *, seconds: float, stated_seconds: float) -> None:
    if seconds < _MINIMUM_SECONDS:
        raise AudioError(
            path,
            reason=f"only {seconds:.2f} s of sound could be decoded",
            remedy="copy the file again or remove it from the folder",
        )
    if seconds < _MINIMUM_SHARE_DECODED * stated_seconds:
        raise AudioError(
            path,
            reason=f"truncated: {seconds:.1f} s of the stated {stated_seconds:.1f} s are there",
            remedy="copy the file again from its source",
        )
