"""Decode any common audio file to mono float32 samples, a block at a time."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from moodcue.errors import MoodcueError
from moodcue_mer_indexer.containers import (
    PROTECTED_SAMPLE_ENTRIES,
    cut_off,
    protection,
    states_duration,
)
from moodcue_mer_indexer.downmix import mono_blocks

AUDIO_SUFFIXES = frozenset(
    (
        ".aac",
        ".aif",
        ".aiff",
        ".flac",
        ".m4a",
        ".m4p",
        ".mp3",
        ".oga",
        ".ogg",
        ".opus",
        ".wav",
        ".wma",
    )
)

FailureKind = Literal[
    "bad-name",
    "damaged",
    "deadly",
    "empty",
    "not-audio",
    "protected",
    "stuck",
    "too-short",
    "truncated",
    "unexpected",
    "unreadable",
    "unsupported",
]
"""Why a file cannot be used, in one word that stays the same from release to release."""

# A file that yields less than this share of the duration its header states was cut off.
# Encoder delay and padding cost a fraction of a second, never a tenth of a piece.
_MINIMUM_SHARE_DECODED = 0.9
_MINIMUM_SECONDS = 0.5

# A song is a file of one of these; FFmpeg also reads play lists, pictures and addresses, and a
# file that calls itself a song must not make it open others.
_DEMUXERS = "aac,aiff,asf,flac,mov,mp3,ogg,w64,wav"
_ESTIMATES_DURATION = "aac"


class AudioError(MoodcueError):
    """An audio file that cannot be used.

    Attributes:
        path: The file.
        kind: What is wrong with it, in one word.
        reason: What is wrong with it, with the value that says so.
        remedy: What a person can do about it.
    """

    def __init__(self, path: Path, *, kind: FailureKind, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.kind: FailureKind = kind
        self.reason = reason
        self.remedy = remedy


def stream_audio(path: Path, *, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of an audio file in order, mixed down to mono and resampled.

    Memory is bounded by one packet and two seconds, whatever the length of the file. The rate and
    the channels may change on the way.

    A file that was cut off is noticed where it states a duration or a size, and in Ogg where a
    page is incomplete. MP3 without a Xing header and raw AAC state neither, and give what is
    there, as in a player.

    Args:
        path: The file; its content decides the format, not its suffix.
        sample_rate: Samples per second wanted.

    Yields:
        Non-empty blocks of shape ``(samples,)``, full scale -1 to 1.

    Raises:
        AudioError: The file is empty, holds no audio, is protected, or ends before its stated
            end; see `FailureKind`.
    """
    check_readable(path)
    decoded = 0
    try:
        with _opened(path) as container:
            stated_seconds = _stated_seconds(container, path=path)
            for block in _resampled(container, path=path, sample_rate=sample_rate):
                decoded += block.size
                yield block
        evidence = cut_off(path)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _explained(path, error, seconds=decoded / sample_rate) from error
    _check_length(
        path, seconds=decoded / sample_rate, stated_seconds=stated_seconds, evidence=evidence
    )


def decode_audio(path: Path, *, sample_rate: int) -> NDArray[np.float32]:
    """Return all samples of an audio file; for short clips, as memory grows with the length.

    Raises:
        AudioError: As `stream_audio`.
    """
    return np.concatenate(list(stream_audio(path, sample_rate=sample_rate)))


def check_readable(path: Path) -> None:
    """Refuse what is no file with content, without opening what could block.

    Raises:
        AudioError: It is missing, empty, no regular file, or cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise AudioError(
                path,
                kind="unreadable",
                reason=f"is a {_file_type(mode)} and no file",
                remedy="remove it from the folder",
            )
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        link = path.is_symlink()
        raise AudioError(
            path,
            kind="unreadable",
            reason=f"links to {str(path.readlink())!r}, which is not there"
            if link
            else "no such file",
            remedy="remove the link or bring its target back" if link else "check the path",
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if empty:
        raise AudioError(
            path, kind="empty", reason="the file is empty (0 bytes)", remedy="copy it again"
        )


def _file_type(mode: int) -> str:
    for name, is_it in (
        ("folder", stat.S_ISDIR),
        ("named pipe", stat.S_ISFIFO),
        ("socket", stat.S_ISSOCK),
    ):
        if is_it(mode):
            return name
    return "device"


def _opened(path: Path) -> av.container.InputContainer:
    # Without "file:" a name such as "10:30.mp3" would be taken for an address.
    return av.open(
        f"file:{path}",
        metadata_errors="replace",
        options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
    )


def _stated_seconds(container: av.container.InputContainer, *, path: Path) -> float:
    """Return the duration that the file states, 0 where it states none."""
    name = container.format.name
    if name == _ESTIMATES_DURATION or (name == "mp3" and not states_duration(path)):
        return 0.0
    return (container.duration or 0) / av.time_base


def _resampled(
    container: av.container.InputContainer, *, path: Path, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    stream = _stream(container, path=path)
    rate = 0
    resampler: soxr.ResampleStream | None = None
    for block, block_rate in mono_blocks(_frames(container, stream)):
        if resampler is None or block_rate != rate:
            yield from _rest(resampler)
            rate = block_rate
            resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
        resampled = resampler.resample_chunk(block)
        if resampled.size:
            yield resampled
    yield from _rest(resampler)


def _rest(resampler: soxr.ResampleStream | None) -> Iterator[NDArray[np.float32]]:
    """Yield what a resampler still holds."""
    if resampler is not None:
        rest = resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)
        if rest.size:
            yield rest


def _stream(container: av.container.InputContainer, *, path: Path) -> "av.AudioStream":
    if not container.streams.audio:
        raise AudioError(
            path,
            kind="not-audio",
            reason=f"holds no audio ({container.format.long_name})",
            remedy="remove it from the folder or convert it",
        )
    stream = container.streams.audio[0]
    codec = stream.codec_context
    protected_by = protection(path)
    if codec is not None:
        protected_by = PROTECTED_SAMPLE_ENTRIES.get(codec.codec_tag, protected_by)
    if protected_by is not None:
        raise AudioError(
            path,
            kind="protected",
            reason=f"is protected by {protected_by}",
            remedy="get a copy without protection from where it was bought",
        )
    if codec is None:
        raise AudioError(
            path,
            kind="unsupported",
            reason=f"holds audio of an unknown kind ({container.format.long_name})",
            remedy="convert it, for instance to FLAC",
        )
    return stream


def _frames(
    container: av.container.InputContainer, stream: "av.AudioStream"
) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            # Players skip a damaged packet too; the check of the length decides in the end.
            continue


def _explained(path: Path, error: Exception, *, seconds: float) -> AudioError:
    """Return why decoding ended with an error of FFmpeg or of the operating system."""
    if isinstance(error, OSError):
        return _unreadable(path, error)
    try:
        evidence = cut_off(path)
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as failed:
        return _unreadable(path, failed)
    if evidence is not None:
        return _truncated(path, evidence)
    # Without the path, which stands elsewhere.
    words = (getattr(error, "strerror", None) or str(error)).partition(": 'file:")[0]
    if seconds > 0:
        return AudioError(
            path,
            kind="damaged",
            reason=f"cannot be decoded beyond {seconds:.1f} s ({words})",
            remedy="copy the file again from its source",
        )
    return _not_audio(path, f"{words}, it begins with {head!r}")


def _not_audio(path: Path, why: str) -> AudioError:
    return AudioError(
        path,
        kind="not-audio",
        reason=f"cannot be decoded as audio ({why})",
        remedy="play it to see whether it is damaged, or remove it from the folder",
    )


def _unreadable(path: Path, error: OSError) -> AudioError:
    return AudioError(
        path,
        kind="unreadable",
        reason=f"cannot be read ({error.strerror or error})",
        remedy="check its permissions and the disk",
    )


def _truncated(path: Path, evidence: str) -> AudioError:
    return AudioError(
        path,
        kind="truncated",
        reason=f"truncated: {evidence}",
        remedy="copy the file again from its source",
    )


def _check_length(
    path: Path, *, seconds: float, stated_seconds: float, evidence: str | None
) -> None:
    if evidence is not None:
        raise _truncated(path, evidence)
    if seconds < _MINIMUM_SHARE_DECODED * stated_seconds:
        raise _truncated(path, f"{seconds:.1f} s of the stated {stated_seconds:.1f} s are there")
    if seconds == 0:
        raise _not_audio(path, "no packet of it holds any sound")
    if seconds < _MINIMUM_SECONDS:
        raise AudioError(
            path,
            kind="too-short",
            reason=f"only {seconds:.2f} s of sound could be decoded",
            remedy="copy the file again or remove it from the folder",
        )
