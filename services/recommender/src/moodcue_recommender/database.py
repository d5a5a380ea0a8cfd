"""The one SQLite file in which a recommender keeps what must outlive it."""

import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from moodcue.errors import MoodcueError

FILE = "recommendations.sqlite"
_LOCK = "recommender.lock"
_SCHEMAS = (
    """
    CREATE TABLE recommendations (
        number INTEGER PRIMARY KEY,
        camera TEXT NOT NULL,
        seq INTEGER NOT NULL,
        question TEXT NOT NULL UNIQUE,
        songs INTEGER NOT NULL,
        event BLOB NOT NULL,
        UNIQUE (camera, seq)
    ) STRICT;
    CREATE TABLE source (name TEXT NOT NULL) STRICT;
    """,
    """
    CREATE TABLE rooms (
        camera TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        room BLOB NOT NULL
    ) STRICT;
    CREATE TABLE tastes (
        camera TEXT NOT NULL,
        song INTEGER NOT NULL,
        title TEXT NOT NULL,
        artist TEXT NOT NULL,
        likes INTEGER NOT NULL,
        dislikes INTEGER NOT NULL,
        skips INTEGER NOT NULL,
        played INTEGER NOT NULL,
        excluded_until INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        PRIMARY KEY (camera, song)
    ) STRICT;
    """,
)
"""What each version added; a file of an earlier one gets what it lacks."""

_VERSION = len(_SCHEMAS)


class StateError(MoodcueError):
    """What a recommender has kept cannot be opened or read."""


class Database:
    """A recommender's file, open for one process at a time. Use it in the thread that made it.

    Args:
        folder: of the file; made if it is not there.

    Attributes:
        connection: commits nothing by itself.

    Raises:
        StateError: if the folder is in use, or the file in it is not a readable one.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("w")
        except OSError as error:
            raise StateError(f"no log can be kept in {folder}: {error.strerror}") from error
        try:
            self.connection = _lock_and_open(self._lock.fileno(), folder)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Close the file and let another process have it."""
        self.connection.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_to_read(folder: Path) -> closing[sqlite3.Connection]:
    """Open the file of a folder while a recommender may be using it.

    Raises:
        StateError: if there is none.
        sqlite3.Error: if it cannot be opened.
    """
    path = folder / FILE
    if not path.is_file():
        raise StateError(f"no log at {path}; a recommender with this state folder makes one")
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


def _lock_and_open(lock: int, folder: Path) -> sqlite3.Connection:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StateError(
            f"another recommender uses {folder}; give each its own MOODCUE_RECOMMENDER_STATE_DIR"
        ) from error
    connection = sqlite3.connect(folder / FILE)
    try:
        _prepare(connection)
    except (sqlite3.Error, StateError) as error:
        connection.close()
        raise StateError(
            f"{folder / FILE} cannot be used: {error}; move it away to start anew"
        ) from error
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # WAL lets `open_to_read` read meanwhile; NORMAL loses at most the last ones to a power cut.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StateError(f"it has version {version}, needed is {_VERSION}")
    if version < _VERSION:
        lacking = "".join(_SCHEMAS[version:])
        connection.executescript(f"BEGIN; {lacking} PRAGMA user_version = {_VERSION}; COMMIT;")
