"""Keep an index fresh: wait until a music folder has changed and the changes have ended, build.

What the system tells of changes is only a reason to look: what has changed is found by a scan, and
a scan is made now and then in any case, for network drives tell nothing.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from sqlite3 import OperationalError
from threading import Event
from typing import TypeVar

import structlog
import watchfiles

from moodcue.errors import MoodcueError
from moodcue.health import Problem
from moodcue_mer_indexer.library import LibraryError, LibraryFile, scan_library

_log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.25

T = TypeVar("T")
Files = Mapping[str, LibraryFile]


def settled(before: Files, now: Files) -> list[LibraryFile]:
    """Return the files that are there as they were: nobody is writing them."""
    return [file for name, file in now.items() if before.get(name) == file]


class LibraryWatch:
    """Builds when the files of a folder are others than at the last build.

    A folder without any music leaves the index as it is: it is more likely not mounted than
    emptied.

    Args:
        music: The folder.
        build: Brings the index up to date with some files, in a thread, and raises soon after
            the event is set. Other errors are logged, and it is called again at the next scan.
        settle_seconds: How long files must stay the same before they are read.
        rescan_seconds: The longest time from one scan to the next.
    """

    def __init__(
        self,
        music: Path,
        *,
        build: Callable[[Sequence[LibraryFile], Event], None],
        settle_seconds: float,
        rescan_seconds: float,
    ) -> None:
        self._music = music
        self._build = build
        self._settle_seconds = settle_seconds
        self._rescan_seconds = rescan_seconds
        self._built: list[LibraryFile] | None = None
        self._problem: Problem = None

    def problem(self) -> Problem:
        """Say what keeps the index from being fresh, if anything does."""
        return self._problem

    def run(self, stop: Event, tick: Callable[[], None], *, first: Callable[[Event], None]) -> None:
        """Build, and build again after every change.

        Args:
            stop: Ends this, also in the middle of a build.
            tick: Called several times a second, also during a build.
            first: Done before the first build, and as it is.
        """
        with ThreadPoolExecutor(1, "build") as builder:
            work = _Work(builder, stop, tick)
            self._try(work, partial(first, stop))
            for _ in self._occasions(stop, tick):
                self._follow(work)

    def _occasions(self, stop: Event, tick: Callable[[], None]) -> Iterator[None]:
        """Yield at once, after changes, and when a scan is due."""
        while not stop.is_set():
            due = time.monotonic() + self._rescan_seconds
            fresh = True
            try:
                # Begun anew for every scan that is due: the folder may be another one by now.
                with closing(_changes(self._music, stop)) as changes:
                    for changed in changes:
                        tick()
                        if changed or fresh:
                            yield
                        fresh = False
                        if time.monotonic() >= due:
                            break
            except OSError as error:
                # No such folder, or more folders than the system will watch.
                _log.warning("changes.not_told", folder=str(self._music), reason=str(error))
                yield
                _pause(due - time.monotonic(), stop, tick)

    def _follow(self, work: "_Work") -> None:
        """Build until nothing changes any more; a file that is being written waits its turn."""
        before = self._scan(work)
        while before and not work.stop.is_set():
            _pause(self._settle_seconds, work.stop, work.tick)
            now = self._scan(work)
            files = settled(before, now)
            if files == self._built:
                self._problem = None
            elif files:
                built = self._try(work, partial(self._build, files, work.stop))
                self._built = files if built else None
            if now == before:
                return
            before = now

    def _scan(self, work: "_Work") -> Files:
        try:
            found = work.do(lambda: list(scan_library(self._music))) or []
        except (LibraryError, OSError):
            found = []
        if not found and not work.stop.is_set():
            self._note(f"{self._music} holds no music, is it mounted? The index stays as it is")
        return {file.relative: file for file in found}

    def _try(self, work: "_Work", job: Callable[[], None]) -> bool:
        """Do a job that may fail, as when the disk is full or another build is running."""
        try:
            work.do(job)
        except (MoodcueError, OSError, OperationalError) as error:
            self._note(str(error))
            return False
        self._problem = None
        return True

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("index.not_renewed", reason=problem)
        self._problem = problem


@dataclass(frozen=True)
class _Work:
    """Does jobs in a thread while this one shows that it lives."""

    builder: ThreadPoolExecutor
    stop: Event
    tick: Callable[[], None]

    def do(self, job: Callable[[], T]) -> T | None:
        """Return what a job does; None when told to stop, which ends its processes."""
        if self.stop.is_set():
            return None
        # With the names that log lines carry.
        running = self.builder.submit(copy_context().run, job)
        while not wait([running], timeout=_TICK_SECONDS).done:
            self.tick()
            if self.stop.is_set():
                for process in active_children():
                    process.terminate()
        return None if self.stop.is_set() else running.result()


def _changes(music: Path, stop: Event) -> Generator[bool]:
    """Yield several times a second whether something has changed."""
    milliseconds = int(_TICK_SECONDS * 1000)
    for changes in watchfiles.watch(
        music,
        watch_filter=None,
        debounce=milliseconds,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        yield bool(changes)


def _pause(seconds: float, stop: Event, tick: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.is_set():
        tick()
        stop.wait(min(_TICK_SECONDS, left))
