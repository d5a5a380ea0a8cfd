"""Analyse many files in processes, so that all cores work and no file can end the run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path

from moodcue_mer_indexer.audio import AudioError
from moodcue_mer_indexer.emotion import SongEmotion
from moodcue_mer_indexer.model import MerModel
from moodcue_mer_indexer.processes import worker_pool
from moodcue_mer_indexer.tags import SongTags, read_tags

__all__ = ["Analysed", "Analyser", "Failure", "analyse_file", "analyse_files"]

_FILES_IN_FLIGHT = 32


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """What a file holds."""

    tags: SongTags
    emotion: SongEmotion


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a file cannot be used.

    Attributes:
        reason: What is wrong, and what to do about it.
        lasting: Whether it stays until the file changes, so that there is no use in trying again.
    """

    reason: str
    lasting: bool = True


Analyser = Callable[[Path], Analysed | Failure]


def analyse_files(
    paths: Sequence[Path], *, model_folder: Path, workers: int
) -> Iterator[tuple[Path, Analysed | Failure]]:
    """Yield each file with what it holds or why it cannot be used, in order.

    Args:
        paths: The files.
        model_folder: Of the model; each process loads it once.
        workers: Processes; each uses one core.
    """
    yield from run_in_processes(
        paths, analyser=partial(analyse_file, model_folder=model_folder), workers=workers
    )


def run_in_processes(
    paths: Sequence[Path], *, analyser: Analyser, workers: int
) -> Iterator[tuple[Path, Analysed | Failure]]:
    """Yield each path with the analyser's answer; a process that dies costs its file alone."""
    remaining = iter(paths)
    pool = worker_pool(workers)
    try:
        while batch := list(islice(remaining, _FILES_IN_FLIGHT * workers)):
            futures = [(path, pool.submit(analyser, path)) for path in batch]
            for path, future in futures:
                answer = _answer(future)
                if answer is None:
                    answer = _alone(path, analyser=analyser)
                yield path, answer
            if any(_broke(future) for _, future in futures):
                pool.shutdown()
                pool = worker_pool(workers)
    finally:
        pool.shutdown(cancel_futures=True)


def analyse_file(path: Path, *, model_folder: Path) -> Analysed | Failure:
    """Return what a file holds, or why it cannot be used."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return Failure(reason="its name is not valid UTF-8; rename it")
    try:
        return Analysed(tags=read_tags(path), emotion=_model(model_folder).song_emotion(path))
    except AudioError as error:
        return Failure(reason=f"{error.reason}; {error.remedy}", lasting=error.kind != "unreadable")
    except OSError as error:
        return Failure(
            reason=f"cannot be read ({error.strerror}); check its permissions", lasting=False
        )


@cache
def _model(folder: Path) -> MerModel:
    return MerModel(folder)


def _answer(future: Future[Analysed | Failure]) -> Analysed | Failure | None:
    """Return the answer, or None if the process died, perhaps through another file."""
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _broke(future: Future[Analysed | Failure]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _alone(path: Path, *, analyser: Analyser) -> Analysed | Failure:
    """Return the answer of a process of its own, which shows whether this file is to blame."""
    with worker_pool(1) as pool:
        answer = _answer(pool.submit(analyser, path))
    if answer is None:
        return Failure(reason="ended the process that read it; it is damaged, remove it")
    return answer
