"""Sounds and files that the tests make for themselves."""

import os
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from moodcue_mer_indexer.analysis import Analysed, Failure
from moodcue_mer_indexer.emotion import summarise
from moodcue_mer_indexer.tags import read_tags

FORMATS = (".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".wav", ".aiff", ".wma")
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_ENCODERS = {
    ".mp3": "libmp3lame",
    ".flac": "flac",
    ".opus": "libopus",
    ".m4a": "aac",
    ".aac": "aac",
    ".wav": "pcm_s16le",
    ".aiff": "pcm_s16be",
    ".wma": "wmav2",
}


def tone(
    *, hertz: float = 440.0, seconds: float = 2.0, rate: int = 48_000, channels: int = 2
) -> NDArray[np.float32]:
    """Make a sine of half scale, shape ``(samples, channels)``."""
    times = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * times)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def write_audio(
    path: Path,
    *,
    sound: NDArray[np.float32] | None = None,
    rate: int = 48_000,
    tags: dict[str, str] | None = None,
    encoder: str | None = None,
) -> Path:
    """Encode a sound in the format of the path's suffix, with its usual encoder or another."""
    samples = tone(rate=rate) if sound is None else sound
    if path.suffix == ".ogg":
        # PyAV brings no Vorbis encoder.
        with soundfile.SoundFile(path, "w", rate, samples.shape[1], "VORBIS", format="OGG") as file:
            for name, value in (tags or {}).items():
                setattr(file, name, value)
            file.write(samples)
        return path
    layout = _LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(encoder or _ENCODERS[path.suffix], rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 128_000
        for start in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[start : start + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets(path: Path) -> list[bytes]:
    """Read the encoded sound of a file, without its tags."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0])]


def analyse_by_name(path: Path) -> Analysed | Failure:
    """Answer without listening: by the first letters of the file's name."""
    if path.name.startswith("deadly"):
        os._exit(3)
    if path.name.startswith("broken"):
        return Failure(kind="damaged", reason="broken on purpose", remedy="mend it")
    return Analysed(
        tags=read_tags(path), emotion=summarise([(0.7, 0.1, 0.1, 0.1)], patch_seconds=8)
    )
