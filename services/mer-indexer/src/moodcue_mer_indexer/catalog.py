"""What has been found out about files, so that an unchanged file is not analysed again."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from moodcue import __version__
from moodcue.errors import MoodcueError
from moodcue_mer_indexer.analysis import Analysed, Failure
from moodcue_mer_indexer.library import LibraryFile

_analysed = msgspec.msgpack.Decoder(Analysed).decode
_failure = msgspec.msgpack.Decoder(Failure).decode

CATALOG = "catalog.sqlite"
"""Name of the file in the index folder."""

_VERSION = 4
"""Raised when what is kept can no longer be read, or would be found otherwise today."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    model_sha256 TEXT NOT NULL,
    usable INTEGER NOT NULL,
    answer BLOB NOT NULL
) STRICT
"""
"""`answer` is `Analysed` if the file is usable and `Failure` if not, as MessagePack."""


class CatalogError(MoodcueError):
    """The catalog is in use or damaged."""


class Catalog:
    """The cache of one index folder, held by one process at a time.

    Args:
        folder: Of the index; created if need be.
        model_sha256: Of the model in use; findings of another one do not count.

    Raises:
        CatalogError: Another build holds it, or it is damaged.
    """

    def __init__(self, folder: Path, *, model_sha256: str) -> None:
        self._path = folder / CATALOG
        self._model = model_sha256
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self._path, timeout=0)
        try:
            # Held until close, so that two builds cannot prune each other's generations.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A commit for every file costs no wait for the disk; a power cut may cost the last.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("BEGIN EXCLUSIVE")
            self._prepare()
            self._database.commit()
        except sqlite3.OperationalError as error:
            self._database.close()
            raise CatalogError(
                f"{self._path} is in use ({error}); wait until the other build has ended"
            ) from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise CatalogError(
                f"{self._path} is damaged ({error}); remove it, the songs are analysed again"
            ) from error

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            # A cache has nothing worth migrating.
            for table in ("findings", "files"):
                self._database.execute(f"DROP TABLE IF EXISTS {table}")
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        self._database.execute(_SCHEMA)

    def retain(self, files: Iterable[LibraryFile]) -> list[LibraryFile]:
        """Keep what is known about these files as they are now, and forget the rest.

        Returns:
            The files that nothing is known about.
        """
        known = {
            path: rest
            for path, *rest in self._database.execute(
                "SELECT path, size, mtime_ns, model_sha256 FROM files"
            )
        }
        missing = []
        for file in files:
            if known.get(file.relative) == [file.size, file.mtime_ns, self._model]:
                del known[file.relative]
            else:
                missing.append(file)
        with self._database:
            self._database.executemany(
                "DELETE FROM files WHERE path = ?", ((path,) for path in known)
            )
        return missing

    def keep(self, file: LibraryFile, answer: Analysed | Failure) -> None:
        """Keep an answer at once, so that an interrupted build goes on from there."""
        usable = isinstance(answer, Analysed)
        packed = msgspec.msgpack.encode(answer)
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
                (file.relative, file.size, file.mtime_ns, self._model, usable, packed),
            )

    def knows(self, file: LibraryFile) -> bool:
        """Return whether something is known about a file as it is now."""
        row = self._database.execute(
            "SELECT 1 FROM files WHERE path = ? AND size = ? AND mtime_ns = ? AND model_sha256 = ?",
            (file.relative, file.size, file.mtime_ns, self._model),
        ).fetchone()
        return row is not None

    def follow(self, before: LibraryFile, after: LibraryFile) -> None:
        """Take a file whose sound is the same for the one that it was before."""
        with self._database:
            self._database.execute(
                "UPDATE files SET size = ?, mtime_ns = ?"
                " WHERE path = ? AND size = ? AND mtime_ns = ?",
                (after.size, after.mtime_ns, before.relative, before.size, before.mtime_ns),
            )

    def analysed(self) -> Iterator[tuple[str, Analysed]]:
        """Yield the usable files and what they hold, in the order of their paths."""
        for path, packed in self._answers(usable=True):
            yield path, _analysed(packed)

    def digest(self) -> str:
        """Return a digest of all that the usable files hold, and of what makes songs of it."""
        digest = hashlib.sha256(f"{__version__} {_VERSION}".encode())
        for path, packed in self._answers(usable=True):
            digest.update(path.encode() + b"\0" + packed)
        return digest.hexdigest()

    def failures(self) -> Iterator[tuple[str, Failure]]:
        """Yield the other files and why they cannot be used, in the order of their paths."""
        for path, packed in self._answers(usable=False):
            yield path, _failure(packed)

    def _answers(self, *, usable: bool) -> Iterator[tuple[str, bytes]]:
        return self._database.execute(
            "SELECT path, answer FROM files WHERE usable = ? ORDER BY path", (usable,)
        )

    def close(self) -> None:
        """Give the catalog free."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
