"""Spectrograms of a dataset, computed once and kept on disk."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.audio import decode_audio
from moodcue_mer_indexer.labels import LabelledSong
from moodcue_mer_indexer.mel import MelSettings, log_mel
from moodcue_mer_indexer.training.files import compute_missing


def load_spectrograms(
    songs: Sequence[LabelledSong], *, settings: MelSettings, cache: Path, workers: int
) -> list[NDArray[np.float16]]:
    """Return the spectrogram of every song, from the cache where it is there.

    Args:
        songs: The dataset.
        settings: Of the spectrogram; part of the cache's key, with path, size and time of change.
        cache: Folder that is created if need be.
        workers: Processes that compute what is missing.

    Returns:
        Arrays ``(n_mels, frames)`` in dB, half precision.

    Raises:
        AudioError: A song cannot be decoded.
    """
    paths = cache_spectrograms(songs, settings=settings, cache=cache, workers=workers)
    return [np.load(path) for path in paths]


def cache_spectrograms(
    songs: Sequence[LabelledSong], *, settings: MelSettings, cache: Path, workers: int
) -> list[Path]:
    """Return the files of the songs' spectrograms, after computing those that are missing.

    Args:
        songs: The dataset.
        settings: Of the spectrogram; part of the cache's key, with path, size and time of change.
        cache: Folder that is created if need be.
        workers: Processes that compute what is missing.

    Raises:
        AudioError: A song cannot be decoded. Training on fewer songs than stated would be silent
            damage, so one bad file ends it.
    """
    paths = [cache / f"{song_key(song, of=settings)}.npy" for song in songs]
    compute = partial(_spectrogram, settings=settings)
    compute_missing([song.path for song in songs], paths, compute=compute, workers=workers)
    return paths


def song_key(song: LabelledSong, *, of: MelSettings | str) -> str:
    """Return a file name for what is computed of a song; another file has another one.

    Args:
        song: By its path, size and time of change.
        of: What is computed.
    """
    status = song.path.stat()
    identity = (str(song.path.resolve()), status.st_size, status.st_mtime_ns, of)
    return hashlib.blake2b(msgspec.json.encode(identity), digest_size=16).hexdigest()


def _spectrogram(path: Path, *, settings: MelSettings) -> NDArray[np.float16]:
    samples = decode_audio(path, sample_rate=settings.sample_rate)
    return log_mel(samples, settings=settings).astype(np.float16)
