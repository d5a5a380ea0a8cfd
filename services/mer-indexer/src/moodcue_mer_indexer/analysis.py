"""Analyse many files in processes, so that all cores work and no file can end the run."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import structlog

from moodcue.model_folder import load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.audio import AudioError, FailureKind, check_readable, stream_audio
from moodcue_mer_indexer.emotion import SongEmotion
from moodcue_mer_indexer.fingerprint import FingerprintMeter
from moodcue_mer_indexer.model import MerModel
from moodcue_mer_indexer.processes import Died, allow_seconds, run_in_order
from moodcue_mer_indexer.tags import SongTags, read_tags

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_SECONDS_PER_FILE = 300
_SECONDS_PER_SECOND_OF_SOUND = 1.0
_SECONDS_AT_MOST = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """What a file holds.

    Attributes:
        tags: What it says of itself.
        emotion: What its sound expresses.
        fingerprint: By which the recording is known again, see `fingerprint`.
    """

    tags: SongTags
    emotion: SongEmotion
    fingerprint: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a file cannot be used.

    Attributes:
        kind: What is wrong, in one word.
        reason: What is wrong, with the value that says so.
        remedy: What a person can do about it.
        lasting: Whether it stays until the file changes, so that there is no use in trying again.
    """

    kind: FailureKind
    reason: str
    remedy: str
    lasting: bool = True


BAD_NAME = Failure(kind="bad-name", reason="its name is not valid UTF-8", remedy="rename it")

Analyser = Callable[[Path], Analysed | Failure]


def analyse_files(
    paths: Sequence[Path], *, model_folder: Path, workers: int
) -> Iterator[tuple[Path, Analysed | Failure]]:
    """Yield each file with what it holds or why it cannot be used, in order.

    Args:
        paths: The files.
        model_folder: Of the model; each process loads it once.
        workers: Processes; each uses one core.

    Raises:
        ModelError: The model cannot be used.
    """
    load_manifest(model_folder, labels=QUADRANTS)
    yield from run_in_processes(
        paths,
        analyser=partial(analyse_file, model_folder=model_folder, allow_seconds=allow_seconds),
        workers=workers,
    )


def run_in_processes(
    paths: Sequence[Path], *, analyser: Analyser, workers: int
) -> Iterator[tuple[Path, Analysed | Failure]]:
    """Yield each path with the analyser's answer; a process that dies costs its file alone."""
    answers = run_in_order(analyser, paths, workers=workers, seconds=_SECONDS_PER_FILE)
    for path, answer in zip(paths, answers, strict=True):
        yield path, _deadly(answer) if isinstance(answer, Died) else answer


def analyse_file(
    path: Path,
    *,
    model_folder: Path,
    allow_seconds: Callable[[float], None] = lambda _: None,
) -> Analysed | Failure:
    """Return what a file holds, or why it cannot be used.

    Args:
        path: The file.
        model_folder: Of the model.
        allow_seconds: Is told how long it may take from now on, once its length is known.
    """
    model = _model(model_folder)

    def analyse() -> Analysed:
        check_readable(path)
        tags = read_tags(path)
        allow_seconds(_time_limit(tags.duration_seconds))
        meter = FingerprintMeter(sample_rate=model.mel.sample_rate)
        blocks = stream_audio(path, sample_rate=model.mel.sample_rate)
        emotion = model.emotion_of(meter.samples(blocks))
        return Analysed(tags=tags, emotion=emotion, fingerprint=meter.result())

    return unless_bad(path, analyse)


def unless_bad(path: Path, work: Callable[[], T]) -> T | Failure:
    """Return what work on a file gives, or why the file cannot be used.

    Args:
        path: The file.
        work: Reads it.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return BAD_NAME
    try:
        return work()
    except AudioError as error:
        return Failure(
            kind=error.kind,
            reason=error.reason,
            remedy=error.remedy,
            lasting=error.kind != "unreadable",
        )
    except OSError as error:
        return Failure(
            kind="unreadable",
            reason=f"cannot be read ({error.strerror or error})",
            remedy="check its permissions and the disk",
            lasting=False,
        )
    except Exception as error:  # noqa: BLE001 - a library that stumbles must not end the run
        _log.exception("file.not_understood", path=str(path))
        return Failure(
            kind="unexpected",
            reason=f"could not be analysed ({type(error).__name__}: {error})",
            remedy="convert it, for instance to FLAC, and report the log's lines",
            lasting=False,
        )


def explained(failure: Failure) -> dict[str, str]:
    """Return a failure as the commands print it."""
    return {"kind": failure.kind, "reason": failure.reason, "remedy": failure.remedy}


def _time_limit(seconds_of_sound: float) -> float:
    """Return how long a file may take: a fraction of it is usual, on a machine that is idle."""
    limit = _SECONDS_PER_FILE + _SECONDS_PER_SECOND_OF_SOUND * seconds_of_sound
    return min(limit, _SECONDS_AT_MOST)


@cache
def _model(folder: Path) -> MerModel:
    return MerModel(folder)


def _deadly(death: Died) -> Failure:
    if death.timed_out:
        return Failure(
            kind="stuck",
            reason="took longer to read than five minutes and its own length",
            remedy="copy it to a local disk, or play it to see whether it is damaged",
            lasting=False,
        )
    return Failure(
        kind="deadly",
        reason=f"ended the process that read it (exit code {death.exit_code})",
        remedy="it is damaged: copy it again from its source, or remove it",
        # Ended from outside, for want of memory or at the end of the service: not its own fault.
        lasting=-death.exit_code not in {signal.SIGKILL, signal.SIGTERM},
    )
