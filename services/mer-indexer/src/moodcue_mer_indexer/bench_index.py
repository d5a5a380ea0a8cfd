"""How long the index takes: to build, to load, to search, and to look whether anything changed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

import faiss
import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from moodcue.library_index import VECTORS, generation_folder, read_manifest, verify_files
from moodcue.songs import Song, Tags, open_songs
from moodcue.taxonomy import EMOTIONS, emotions_at
from moodcue_mer_indexer.analysis import Analysed, Failure
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.emotion import summarise
from moodcue_mer_indexer.fingerprint import FINGERPRINT_BYTES
from moodcue_mer_indexer.model import shipped_model_folder
from moodcue_mer_indexer.publish import Origin, publish_index, song_id, unit_vectors
from moodcue_mer_indexer.tags import SongTags

T = TypeVar("T")


class Seconds(TypedDict):
    """How long something took.

    Attributes:
        wall: By the clock, what others did meanwhile included.
        processor: That this process and those that it started and awaited have used.
    """

    wall: float
    processor: float


_FOUND: Final = 50
_QUERIES: Final = 200
_ROUNDING: Final = 1e-6
_MOMENTS: Final = 80
_COURSES: Final = 100
_MOMENT_SECONDS: Final = 3.0
_RATE: Final = 16_000
_OTHER_TYPES: Final = ("IVF1024,Flat", "HNSW32")
_PROBED_LISTS: Final = 16


def measure_index(*, songs: int, folder: Path, compare: bool = False) -> dict[str, Any]:
    """Measure an index of made-up songs on one core.

    Built is as a build does when it knows all songs already; loaded as the recommender does,
    hashes included; searched is for the 50 nearest songs of random emotions.

    Args:
        songs: How many.
        folder: Where to build, empty or new.
        compare: Measure other types of index over the same vectors too.

    Returns:
        Sizes, seconds, milliseconds, and the share of the exactly nearest songs that is found.
    """
    faiss.omp_set_num_threads(1)
    chance = np.random.default_rng(0)
    build_seconds, (manifest, _) = _timed(
        lambda: publish_index(
            random_songs(songs, chance),
            index=folder,
            origin=Origin(music_root=folder, model="made-up", model_sha256="", content=""),
        )
    )
    generation = generation_folder(folder, manifest)

    def load() -> faiss.Index:
        current = read_manifest(folder)
        verify_files(folder, current)
        open_songs(folder, current)
        return faiss.read_index(str(generation / VECTORS))

    load_seconds, vectors = _timed(load)
    table = open_songs(folder, manifest)
    units = unit_vectors(table.emotions)
    queries = unit_vectors(chance.dirichlet(np.ones(len(EMOTIONS)), _QUERIES).astype(np.float32))
    result: dict[str, Any] = {
        "songs": songs,
        "build_seconds": build_seconds,
        "load_seconds": load_seconds,
        "megabytes": round(sum(path.stat().st_size for path in generation.iterdir()) / 1e6),
        "found": _FOUND,
        "index_type": "Flat",
        **_measure_search(vectors, queries=queries, units=units, ids=table.ids),
    }
    if compare:
        result["others"] = [
            _measure_type(name, queries=queries, units=units) for name in _OTHER_TYPES
        ]
    return result


def measure_files(*, files: int, folder: Path) -> dict[str, Any]:
    """Measure the command `build` on a library that it knows, and after one file has changed.

    The library is tiny files whose findings are made up, so that only the looking is measured;
    the changed file is heard by the model.

    Args:
        files: How many.
        folder: For the library and its index, empty or new.
    """
    music, index = folder / "music", folder / "index"
    for number in range(files):
        path = music / f"album {number // 100:04d}" / f"song {number:06d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(_RATE // 10), _RATE)
    build_index(
        music, index=index, model_folder=shipped_model_folder(), workers=1, analyse=_make_up
    )
    unchanged_seconds, unchanged = _timed(lambda: _build_by_command(music, index))
    soundfile.write(path, np.zeros(10 * _RATE), _RATE)
    changed_seconds, changed = _timed(lambda: _build_by_command(music, index))
    return {
        "files": files,
        "unchanged_seconds": unchanged_seconds,
        "unchanged_analysed": unchanged["analysed"],
        "one_changed_seconds": changed_seconds,
        "one_changed_analysed": changed["analysed"],
    }


def _make_up(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
    emotion = summarise([(0.7, 0.1, 0.1, 0.1)] * _MOMENTS, patch_seconds=_MOMENT_SECONDS)
    generator = np.random.default_rng(0)
    for path in paths:
        tags = SongTags(title=path.stem, artist="Artist", album="", duration_seconds=0.1)
        fingerprint = generator.bytes(FINGERPRINT_BYTES)
        yield path, Analysed(tags=tags, emotion=emotion, fingerprint=fingerprint)


def _build_by_command(music: Path, index: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "moodcue_mer_indexer", "build", str(music)]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--index", str(index), "--workers", "1"],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "MOODCUE_MER_INDEXER_ANNOUNCE_SECONDS": "0"},
    )
    report: dict[str, Any] = msgspec.json.decode(done.stdout)
    return report


def random_songs(count: int, chance: np.random.Generator) -> Iterator[Song]:
    """Yield songs at random points of the plane, in the order of their paths."""
    courses = [
        tuple((v, a) for v, a in chance.uniform(-1, 1, (_MOMENTS, 2)).tolist())
        for _ in range(_COURSES)
    ]
    for number in range(count):
        path = f"artist {number // 1000:06d}/song {number:09d}.mp3"
        valence, arousal = chance.uniform(-1, 1, 2).tolist()
        course = courses[number % _COURSES]
        yield Song(
            id=song_id(path),
            path=path,
            title=f"Song {number}",
            artist=f"Artist {number // 1000}",
            album=f"Album {number // 10}",
            duration_seconds=_MOMENTS * _MOMENT_SECONDS,
            valence=valence,
            arousal=arousal,
            uncertainty=0.5,
            emotions=emotions_at(valence=valence, arousal=arousal),
            quadrants=(0.25, 0.25, 0.25, 0.25),
            moment_seconds=_MOMENT_SECONDS,
            trajectory=course,
            opening=course[0],
            ending=course[-1],
            tags=Tags(genre="Made up", year=2000),
        )


def _measure_type(
    name: str, *, queries: NDArray[np.float32], units: NDArray[np.float32]
) -> dict[str, Any]:
    vectors = faiss.index_factory(len(EMOTIONS), name, faiss.METRIC_INNER_PRODUCT)

    def fill() -> None:
        vectors.train(units)
        vectors.add(units)

    seconds, _ = _timed(fill)
    if isinstance(vectors, faiss.IndexIVF):
        vectors.nprobe = _PROBED_LISTS
    return {
        "index_type": name,
        "build_seconds": seconds,
        **_measure_search(vectors, queries=queries, units=units, ids=np.arange(len(units))),
    }


def _measure_search(
    vectors: faiss.Index,
    *,
    queries: NDArray[np.float32],
    units: NDArray[np.float32],
    ids: NDArray[np.int64],
) -> dict[str, float]:
    wanted = min(_FOUND, len(units))
    seconds = np.zeros((len(queries), 2))
    recalls = np.zeros(len(queries))
    for number, query in enumerate(queries):
        before = time.perf_counter(), time.thread_time()
        _, found = vectors.search(query[np.newaxis], wanted)
        seconds[number] = time.perf_counter() - before[0], time.thread_time() - before[1]
        recalls[number] = _recall(ids, found[0], scores=units @ query)
    median, processor = 1000 * np.median(seconds, axis=0)
    return {
        "query_ms": round(float(median), 2),
        "query_ms_p99": round(float(1000 * np.percentile(seconds[:, 0], 99)), 2),
        "query_processor_ms": round(float(processor), 2),
        "recall": round(float(recalls.mean()), 4),
    }


def _recall(
    ids: NDArray[np.int64], found: NDArray[np.int64], *, scores: NDArray[np.float32]
) -> float:
    """Return the share of the found songs that are among the nearest; ties count as nearest."""
    least = np.partition(scores, -len(found))[-len(found)] - _ROUNDING
    return float(np.isin(found, ids[scores >= least]).mean())


def _timed(work: Callable[[], T]) -> tuple[Seconds, T]:
    wall, processor = time.perf_counter(), sum(os.times()[:4])
    result = work()
    return Seconds(
        wall=round(time.perf_counter() - wall, 3),
        processor=round(sum(os.times()[:4]) - processor, 3),
    ), result
