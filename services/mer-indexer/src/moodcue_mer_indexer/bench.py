"""Measure what a minute of music costs: processor time by stage, and memory."""

import resource
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.audio import stream_audio
from moodcue_mer_indexer.fingerprint import FingerprintMeter
from moodcue_mer_indexer.model import MerModel
from moodcue_mer_indexer.tags import read_tags

T = TypeVar("T")


class Stopwatch:
    """Sums the processor time of stages, some of which run inside others.

    Attributes:
        seconds: By stage, without what ran inside it.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens within to a stage."""
        self._charge()
        self._running.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and count what it takes to make them to a stage."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        now = time.process_time()
        if self._running:
            name = self._running[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now


def measure(paths: Sequence[Path], *, model_folder: Path) -> dict[str, Any]:
    """Analyse files in this process, as a worker does, and return what it took.

    The first file is heard once before, so that nothing is counted that a worker does only once.

    Args:
        paths: Audio files, at least one.
        model_folder: Of the model.

    Returns:
        Minutes of audio, seconds of processor time by stage and their sum, how many times faster
        than real time that is, and the peak memory of the process in MB.

    Raises:
        AudioError: A file cannot be used.
        ModelError: The model cannot be used.
    """
    model = MerModel(model_folder)
    model.song_emotion(paths[0])
    watch = Stopwatch()
    seconds = sum(_listen(path, model=model, watch=watch) for path in paths)
    total = sum(watch.seconds.values())
    return {
        "files": len(paths),
        "audio_minutes": round(seconds / 60, 2),
        "processor_seconds": round(total, 2),
        "stages": {name: round(spent, 2) for name, spent in watch.seconds.items()},
        "times_real_time": round(seconds / total, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _listen(path: Path, *, model: MerModel, watch: Stopwatch) -> float:
    """Analyse a file and return its seconds."""
    samples = 0

    def counted(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        nonlocal samples
        for block in blocks:
            samples += block.size
            yield block

    meter = FingerprintMeter(sample_rate=model.mel.sample_rate)
    with watch.stage("tags"):
        read_tags(path)
    blocks = watch.each("decode", stream_audio(path, sample_rate=model.mel.sample_rate))
    with watch.stage("mel"):
        patches, step = model.listen(watch.each("fingerprint", meter.samples(counted(blocks))))
    with watch.stage("fingerprint"):
        meter.result()
    with watch.stage("network"):
        model.judge(patches, step=step)
    return samples / model.mel.sample_rate
