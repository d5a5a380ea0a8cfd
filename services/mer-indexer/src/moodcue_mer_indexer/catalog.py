"""What has been found out about files, so that an unchanged file is not analysed again."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from moodcue.errors import MoodcueError
from moodcue_mer_indexer.library import LibraryFile
from moodcue_mer_indexer.tags import SongTags

__all__ = ["CATALOG", "Catalog", "CatalogError", "Finding"]

CATALOG = "catalog.sqlite"
"""Name of the file in the index folder."""

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS findings (
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    model_sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    artist TEXT NOT NULL,
    album TEXT NOT NULL,
    duration_seconds REAL NOT NULL,
    quadrants BLOB NOT NULL
) STRICT
"""


class CatalogError(MoodcueError):
    """The catalog is in use or damaged."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a file.

    Attributes:
        tags: Title, artist, album, duration.
        quadrants: Probabilities of Q1 to Q4.
    """

    tags: SongTags
    quadrants: tuple[float, ...]


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
            self._database.execute("DROP TABLE IF EXISTS findings")
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        self._database.execute(_SCHEMA)

    def find(self, file: LibraryFile) -> Finding | None:
        """Return what is known about a file as it is now, or None."""
        row = self._database.execute(
            "SELECT title, artist, album, duration_seconds, quadrants FROM findings"
            " WHERE path = ? AND size = ? AND mtime_ns = ? AND model_sha256 = ?",
            (file.relative, file.size, file.mtime_ns, self._model),
        ).fetchone()
        if row is None:
            return None
        *texts, duration, quadrants = row
        return Finding(
            tags=SongTags(
                title=texts[0], artist=texts[1], album=texts[2], duration_seconds=duration
            ),
            quadrants=msgspec.msgpack.decode(quadrants, type=tuple[float, ...]),
        )

    def keep(self, file: LibraryFile, finding: Finding) -> None:
        """Keep a finding at once, so that an interrupted build goes on from there."""
        tags = finding.tags
        self._database.execute(
            "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                file.relative,
                file.size,
                file.mtime_ns,
                self._model,
                tags.title,
                tags.artist,
                tags.album,
                tags.duration_seconds,
                msgspec.msgpack.encode(finding.quadrants),
            ),
        )
        self._database.commit()

    def forget_others(self, paths: Iterable[str]) -> None:
        """Drop the findings of files that are no longer there."""
        kept = set(paths)
        known = [path for (path,) in self._database.execute("SELECT path FROM findings")]
        gone = [(path,) for path in known if path not in kept]
        self._database.executemany("DELETE FROM findings WHERE path = ?", gone)
        self._database.commit()

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
