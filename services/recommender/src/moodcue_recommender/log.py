"""The recommendations that were made, kept beyond the life of the process.

From them come, after a restart: the name of the source, the next sequence numbers, the songs not to
repeat yet, which windows are answered, and what a restarted broker gets again.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from moodcue.codec import decode_event, encode
from moodcue.errors import ProtocolError
from moodcue.events import Recommendation
from moodcue_recommender.database import FILE, Database, StateError, open_to_read

LONE_FACTOR = 10
"""How many times as many recommendations later what is kept of a camera goes, for anybody can
invent names of cameras."""


class RecommendationLog:
    """Keeps the last recommendations.

    Args:
        database: to keep them in.
        source: name of the source; the one that the log was begun with goes on.
        keep: how many recommendations are kept. Beyond that, only the newest one of every camera
            stays, because it holds the camera's sequence number; it goes too after `LONE_FACTOR`
            times as many.

    Attributes:
        source: the name that every recommendation of this log carries.
        keep: as given.
    """

    def __init__(self, database: Database, *, source: str, keep: int = 10_000) -> None:
        self._connection = database.connection
        self.keep = keep
        self.source = self._source(source)

    def _source(self, default: str) -> str:
        with self._connection:
            self._connection.execute(
                "INSERT INTO source SELECT ? WHERE NOT EXISTS (SELECT 1 FROM source)", (default,)
            )
        return str(self._connection.execute("SELECT name FROM source").fetchone()[0])

    def append(self, event: Recommendation) -> int:
        """Keep a recommendation, and let the oldest one go beyond the limit; commit yourself.

        Returns:
            Its number in the log.

        Raises:
            sqlite3.Error: if the disk is full or broken.
        """
        cursor = self._connection.execute(
            "INSERT INTO recommendations (camera, seq, question, songs, event)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                event.camera,
                event.seq,
                event.request or event.window,
                len(event.songs),
                encode(event),
            ),
        )
        number = cursor.lastrowid or 0
        self._connection.execute(
            "DELETE FROM recommendations AS old WHERE number <= ? AND EXISTS"
            " (SELECT 1 FROM recommendations WHERE camera = old.camera AND seq > old.seq)"
            " OR number <= ?",
            (number - self.keep, number - LONE_FACTOR * self.keep),
        )
        return number

    def has_answered(self, question: str) -> bool:
        """Tell whether a window or a request has its recommendation, by its id."""
        query = "SELECT 1 FROM recommendations WHERE question = ?"
        return self._connection.execute(query, (question,)).fetchone() is not None

    def recent_songs(self, camera: str, count: int) -> list[int]:
        """Return the ids of the last songs recommended to a camera, oldest first."""
        rows = self._connection.execute(
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
        rows = self._connection.execute(
            "SELECT camera, max(seq) FROM recommendations GROUP BY camera"
        )
        return dict(rows.fetchall())

    def after(self, camera: str, seq: int, *, last: int) -> list[Recommendation]:
        """Return the last recommendations of a camera that came after a number, in order."""
        rows = self._connection.execute(
            "SELECT event FROM recommendations WHERE camera = ? AND seq > ?"
            " ORDER BY seq DESC LIMIT ?",
            (camera, seq, last),
        )
        return [_decode(row) for row in rows][::-1]


def read_log(
    folder: Path, *, after_seq: int = 0, camera: str | None = None
) -> Iterator[Recommendation]:
    """Yield what a log has kept, in the order it was made, while a recommender may be using it.

    Args:
        folder: of the log.
        after_seq: of each camera, only what came after this number.
        camera: only this one.

    Raises:
        StateError: if there is no readable log.
    """
    try:
        with open_to_read(folder) as connection:
            rows = connection.execute(
                "SELECT event FROM recommendations WHERE seq > ? AND (? IS NULL OR camera = ?)"
                " ORDER BY number",
                (after_seq, camera, camera),
            )
            yield from map(_decode, rows)
    except sqlite3.Error as error:
        raise StateError(f"{folder / FILE} cannot be read: {error}") from error


def _decode(row: tuple[bytes]) -> Recommendation:
    event = decode_event(row[0])
    if not isinstance(event, Recommendation):
        raise ProtocolError(f"the log holds a {type(event).__name__} where a recommendation goes")
    return event
