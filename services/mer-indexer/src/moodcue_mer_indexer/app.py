"""Put the parts together: settings, composer, build, announcement."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import structlog
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import BusAddress, Publisher
from moodcue.errors import IndexUnavailableError, MoodcueError
from moodcue.identity import new_source
from moodcue.library_index import read_manifest
from moodcue.lifecycle import Heartbeat, running
from moodcue.logs import configure_logging
from moodcue_mer_indexer.analysis import Analysed, Failure, analyse_files, explained
from moodcue_mer_indexer.announce import announce
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.library import LibraryError, LibraryFile, scan_library
from moodcue_mer_indexer.memory import PeakMemory
from moodcue_mer_indexer.metrics import IndexerMetrics
from moodcue_mer_indexer.model import shipped_model_folder
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.settings import IndexerSettings
from moodcue_mer_indexer.watch import LibraryWatch

SERVICE = "mer-indexer"

_log = structlog.get_logger(__name__)

Report = Callable[[dict[str, Any]], None]
"""Takes the summary of a build, fit for JSON."""


class StoppedError(MoodcueError):
    """A build that was told to stop."""


def run(settings: IndexerSettings, *, report: Report) -> None:
    """Do the service's job: compose if there is no music, build, publish, announce.

    Once, or again after every change until told to stop, as the settings say.

    Raises:
        MoodcueError: Any part cannot do its work; the text names the remedy.
    """
    if settings.watch:
        watch(settings, report=report)
        return
    configure_logging(service=SERVICE, instance=settings.instance, level=settings.log_level)
    _log.info("service.started", **settings.masked())
    report(build_and_announce(_music_folder(settings), settings=settings))


def watch(settings: IndexerSettings, *, report: Report) -> None:
    """Keep the index of the music folder fresh until told to stop.

    Raises:
        MoodcueError: The health port is taken, or keys are unusable.
    """
    # It tells of every change, ours to the index among them.
    logging.getLogger("watchfiles.main").setLevel(logging.WARNING)
    registry = CollectorRegistry()
    renewal = _Renewal(settings, report, IndexerMetrics(registry))
    library = LibraryWatch(
        settings.music_dir or settings.compose_dir,
        build=renewal.build,
        settle_seconds=settings.settle_seconds,
        rescan_seconds=settings.rescan_seconds,
    )
    with (
        zmq.Context() as context,
        Publisher(
            context, settings.bus_address(), source=new_source(SERVICE, settings.instance)
        ) as publisher,
        running(settings, service=SERVICE, registry=registry, ready=library.problem) as process,
    ):
        heartbeat = Heartbeat(
            publisher=publisher,
            service=SERVICE,
            instance=settings.instance,
            counters=renewal.counters,
            problem=library.problem,
        )

        def tick() -> None:
            process.pulse.beat()
            heartbeat.tick()

        library.run(process.stop, tick, first=renewal.compose_if_empty)


@dataclass
class _Renewal:
    """Builds again and again, and says only what is new."""

    settings: IndexerSettings
    report: Report
    metrics: IndexerMetrics
    _failures: Mapping[str, Mapping[str, str]] = field(default_factory=dict, init=False)
    _songs: int = field(default=0, init=False)
    _builds: int = field(default=0, init=False)

    def counters(self) -> Mapping[str, float]:
        return {"songs": self._songs, "failed": len(self._failures), "builds": self._builds}

    def compose_if_empty(self, stop: Event) -> None:
        """Have an index of the composed library until there is music in the listener's folder."""
        folder = _music_folder(self.settings)
        if folder != self.settings.music_dir:
            self._build(folder, stop=stop)

    def build(self, files: Sequence[LibraryFile], stop: Event) -> None:
        """Build with these files of the music folder."""
        self._build(self.settings.music_dir or self.settings.compose_dir, stop=stop, files=files)

    def _build(
        self, folder: Path, *, stop: Event, files: Sequence[LibraryFile] | None = None
    ) -> None:
        summary = build_and_announce(folder, settings=self.settings, files=files, stop=stop)
        failures = summary["failures"]
        new = {path: why for path, why in failures.items() if self._failures.get(path) != why}
        self._failures, self._songs = failures, summary["songs"]
        self._builds += 1
        self.metrics.built(songs=self._songs, failed=len(failures))
        if summary["published"] or new:
            self.report({**summary, "failures": new})


def build_and_announce(
    music: Path,
    *,
    settings: IndexerSettings,
    files: Sequence[LibraryFile] | None = None,
    stop: Event | None = None,
) -> dict[str, Any]:
    """Build the index, tell the broker if it is new, and return a summary fit for JSON.

    Args:
        music: Folder of the library.
        settings: Where the index, the model and the broker are.
        files: The files of the folder to use; none: all.
        stop: Ends the build soon after it is set.

    Raises:
        StoppedError: It was told to stop.
        MoodcueError: Any part cannot do its work.
    """
    model_folder = settings.model_dir or shipped_model_folder()

    def analyse(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        answers = analyse_files(paths, model_folder=model_folder, workers=settings.workers)
        for path, answer in answers:
            # Before it is used: the processes may have been ended, which is no fault of the file.
            if stop is not None and stop.is_set():
                raise StoppedError("told to stop")
            yield path, answer

    with PeakMemory() as memory:
        report = build_index(
            music,
            index=settings.index_dir,
            model_folder=model_folder,
            workers=settings.workers,
            files=files,
            analyse=analyse,
        )
    address: BusAddress = settings.bus_address()
    announced = report.published and announce(
        report.manifest, address=address, timeout_seconds=settings.announce_seconds
    )
    return {
        "index": str(settings.index_dir),
        "generation": report.manifest.generation,
        "songs": report.manifest.songs,
        "published": report.published,
        "announced": announced,
        "analysed": report.analysed,
        "unchanged": report.unchanged,
        "folded": report.folded,
        "peak_memory_mb": memory.megabytes,
        "failed": len(report.failures),
        "failed_by_kind": Counter(failure.kind for failure in report.failures.values()),
        "failures": {path: explained(failure) for path, failure in report.failures.items()},
    }


def _music_folder(settings: IndexerSettings) -> Path:
    """Return the listener's folder, or where the composed library is if that holds no music.

    Raises:
        LibraryError: The listener's folder is empty, and the index shows that it was not.
    """
    music = settings.music_dir
    if music is not None:
        if not settings.compose_if_empty or any(scan_library(music)):
            return music
        if _is_indexed(music, index=settings.index_dir):
            raise LibraryError(
                f"{music} holds no music, is it mounted? Its index stays as it is; to begin anew, "
                f"remove {settings.index_dir}"
            )
        _log.warning("music.missing", folder=str(music), instead=str(settings.compose_dir))
    _compose(settings)
    return settings.compose_dir


def _is_indexed(music: Path, *, index: Path) -> bool:
    try:
        return read_manifest(index, older=True).music_root == str(music.resolve())
    except IndexUnavailableError:
        return False


def _compose(settings: IndexerSettings) -> None:
    """Compose what is missing of the library."""
    # Here, because it brings a second of libraries that a build of other music need not wait for.
    from moodcue_mer_indexer.composer.library import (  # noqa: PLC0415 - see above
        compose_library,
        plan_library,
    )

    planned = plan_library(pieces=settings.compose_pieces, seed=settings.compose_seed)
    folder = settings.compose_dir
    there = {file.relative for file in scan_library(folder)} if folder.is_dir() else set()
    if there >= {piece.file_name for piece in planned}:
        return
    composed = compose_library(
        folder,
        pieces=settings.compose_pieces,
        seed=settings.compose_seed,
        workers=settings.workers,
    )
    for piece, _ in show_progress(composed, total=len(planned), label="Composing"):
        _log.debug("piece.composed", file=piece.file_name)
