"""Following the published index: a new generation is loaded beside the old one, then swapped in."""

import contextvars
import threading
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from moodcue.errors import IndexUnavailableError
from moodcue.health import Problem
from moodcue.library_index import IndexManifest, read_manifest
from moodcue_recommender.library import Library
from moodcue_recommender.vectors import Matching

_RETRY_SECONDS = 30.0
_JOIN_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class IndexFollower:
    """Keeps the newest usable generation of an index, loading in a thread of its own.

    What cannot be used is refused with its reason, and the library that is there is kept.

    Args:
        folder: of the index; need not exist yet.
        poll_seconds: time between two looks at the manifest.
        matching: how the songs are to be compared.

    Attributes:
        refused: how often an index was refused.
        looked: set once the first look is over, with a library or without.
    """

    def __init__(
        self, folder: Path, *, poll_seconds: float = 1.0, matching: Matching = Matching.PLANE
    ) -> None:
        self._folder = folder
        self._matching = matching
        self._poll_seconds = poll_seconds
        self._library: Library | None = None
        self._problem: Problem = None
        self._tried: IndexManifest | None = None
        self._retry_at = 0.0
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.refused = 0
        self.looked = threading.Event()

    @property
    def library(self) -> Library | None:
        """The library to answer from; a reader takes it once per answer."""
        return self._library

    @property
    def problem(self) -> Problem:
        """Why there is no library, or why the newest is not the one in use."""
        return self._problem

    def missing(self) -> Problem:
        """Say why nothing can be recommended; None once a library is there."""
        return None if self._library else self._problem or "no index has been loaded yet"

    def stuck(self) -> Problem:
        """Say that no new index would be seen, if so; from any thread."""
        thread = self._thread
        died = thread is not None and thread.ident is not None and not thread.is_alive()
        return "the thread that follows the index has stopped" if died else None

    def hint(self) -> None:
        """Look at the manifest at once, and also at one that was refused before."""
        self._retry_at = 0.0
        self._wake.set()

    def check(self) -> None:
        """Load the generation that the manifest names, if it is not the one in use."""
        try:
            manifest = read_manifest(self._folder)
            if manifest == self._tried and time.monotonic() < self._retry_at:
                return
            self._tried = manifest
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            if self._library is None or manifest != self._library.manifest:
                self._load(manifest)
            self._problem = None
        except IndexUnavailableError as error:
            self._refuse(str(error))

    def _load(self, manifest: IndexManifest) -> None:
        began = time.monotonic()
        self._library = Library.load(self._folder, manifest, matching=self._matching)
        _log.info(
            "index.loaded",
            generation=manifest.generation,
            songs=manifest.songs,
            seconds=round(time.monotonic() - began, 3),
        )

    def _refuse(self, reason: str) -> None:
        if reason != self._problem:
            self.refused += 1
            kept = self._library.manifest.generation if self._library else None
            _log.warning("index.refused", reason=reason, kept=kept)
        self._problem = reason

    def _follow(self) -> None:
        while not self._stopping:
            self.check()
            self.looked.set()
            self._wake.wait(self._poll_seconds)
            self._wake.clear()

    def __enter__(self) -> Self:
        # In a copy of this context, so that the thread's log lines name the service too.
        follow = partial(contextvars.copy_context().run, self._follow)
        self._thread = threading.Thread(target=follow, name="index", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
