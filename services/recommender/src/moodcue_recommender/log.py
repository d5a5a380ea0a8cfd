"""The recommendations that were made, in a small SQLite file that outlives the process.

From it come, after a restart: the name of the source, the next sequence numbers, the songs not to
repeat yet, which windows are answered, and what a restarted broker gets again.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from moodcue.codec import decode_event, encode
from moodcue.errors import MoodcueError, ProtocolError
from moodcue.events import Recommendation

FILE = "recommendations.sqlite"
_LOCK = "recommender.lock"
_VERSION = 1
_LONE_FACTOR = 10
_SCHEMA = f"""
BEGIN;
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
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class LogError(MoodcueError):
    """The log of recommendations cannot be opened or read."""


class RecommendationLog:
    """Keeps the last recommendations. Use it in the thread that made it.

    Args:
        folder: of the log; made if it is not there. One process at a time may use it.
        source: name of the source; the one that the log was begun with goes on.
        keep: how many recommendations are kept. Beyond that, only the newest one of every camera
            stays, because it holds the camera's sequence number; it goes too after ten times as
            many, for anybody can invent names of cameras.

    Attributes:
        source: the name that every recommendation of this log carries.

    Raises:
        LogError: if the folder is in use, or the file in it is not a readable log.
    """

    def __init__(self, folder: Path, *, source: str, keep: int = 10_000) -> None:
        self._keep = keep
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("w")
        except OSError as error:
            raise LogError(f"no log can be kept in {folder}: {error.strerror}") from error
        try:
            self._database = _lock_and_open(self._lock.fileno(), folder)
            self.source = self._source(source)
        except BaseException:
            self._lock.close()
            raise

    def _source(self, default: str) -> str:
        with self._database:
            self._database.execute(
                "INSERT INTO source SELECT ? WHERE NOT EXISTS (SELECT 1 FROM source)", (default,)
            )
        return str(self._database.execute("SELECT name FROM source").fetchone()[0])

    def append(self, event: Recommendation) -> None:
        """Keep a recommendation, and let the oldest one go beyond the limit.

        Raises:
            sqlite3.Error: if the disk is full or broken.
        """
        with self._database:
            cursor = self._database.execute(
                "INSERT INTO recommendations (camera, seq, question, songs, event)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    event.camera,
                    event.seq,
                    event.window or event.request,
                    len(event.songs),
                    encode(event),
                ),
            )
            number = cursor.lastrowid or 0
            self._database.execute(
                "DELETE FROM recommendations AS old WHERE number <= ? AND EXISTS"
                " (SELECT 1 FROM recommendations WHERE camera = old.camera AND seq > old.seq)"
                " OR number <= ?",
                (number - self._keep, number - _LONE_FACTOR * self._keep),
            )

    def has_answered(self, question: str) -> bool:
        """Tell whether a window or a request has its recommendation, by its id."""
        query = "SELECT 1 FROM recommendations WHERE question = ?"
        return self._database.execute(query, (question,)).fetchone() is not None

    def recent_songs(self, camera: str, count: int) -> list[int]:
        """Return the ids of the last songs recommended to a camera, oldest first."""
        rows = self._database.execute(
            "SELECT event FROM recommendations WHERE camera = ? AND songs > 0"
            " ORDER BY seq DESC LIMIT ?",
            (camera, count),
        )
        newest_first: list[int] = []
        for row in rows:
            newest_first += [int(song.song, 16) for song in reversed(_decode(row).songs)]
            if len(newest_first) >= count:
                break
        return newest_first[:count][::-1]

    def last_numbers(self) -> dict[str, int]:
        """Return the last sequence number of every camera."""
        rows = self._database.execute(
            "SELECT camera, max(seq) FROM recommendations GROUP BY camera"
        )
        return dict(rows.fetchall())

    def after(self, camera: str, seq: int, *, last: int) -> list[Recommendation]:
        """Return the last recommendations of a camera that came after a number, in order."""
        rows = self._database.execute(
            "SELECT event FROM recommendations WHERE camera = ? AND seq > ?"
            " ORDER BY seq DESC LIMIT ?",
            (camera, seq, last),
        )
        return [_decode(row) for row in rows][::-1]

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._database.close()
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


def read_log(
    folder: Path, *, after_seq: int = 0, camera: str | None = None
) -> Iterator[Recommendation]:
    """Yield what a log has kept, in the order it was made, while a recommender may be using it.

    Args:
        folder: of the log.
        after_seq: of each camera, only what came after this number.
        camera: only this one.

    Raises:
        LogError: if there is no readable log.
    """
    path = folder / FILE
    if not path.is_file():
        raise LogError(f"no log at {path}; a recommender with this state folder makes one")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT event FROM recommendations WHERE seq > ? AND (? IS NULL OR camera = ?)"
                " ORDER BY number",
                (after_seq, camera, camera),
            )
            yield from map(_decode, rows)
    except sqlite3.Error as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def _lock_and_open(lock: int, folder: Path) -> sqlite3.Connection:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise LogError(
            f"another recommender uses {folder}; give each its own MOODCUE_RECOMMENDER_STATE_DIR"
        ) from error
    database = sqlite3.connect(folder / FILE)
    try:
        _prepare(database)
    except (sqlite3.Error, LogError) as error:
        database.close()
        raise LogError(
            f"{folder / FILE} cannot be used: {error}; move it away to start anew"
        ) from error
    return database


def _prepare(database: sqlite3.Connection) -> None:
    # WAL lets `read_log` read meanwhile; NORMAL loses at most the last ones to a power cut.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        database.executescript(_SCHEMA)
    elif version != _VERSION:
        raise LogError(f"it has version {version}, needed is {_VERSION}")


def _decode(row: tuple[bytes]) -> Recommendation:
    event = decode_event(row[0])
    if not isinstance(event, Recommendation):
        raise ProtocolError(f"the log holds a {type(event).__name__} where a recommendation goes")
    return event
