"""What is kept of rooms beside the log: where each stands, and what was said of songs there."""

from dataclasses import astuple, fields

import msgspec

from moodcue_recommender.database import Database
from moodcue_recommender.log import LONE_FACTOR
from moodcue_recommender.rooms import Room
from moodcue_recommender.taste import RoomTaste, SongTaste

_MAX_ROOM_SONGS = 500
"""Songs whose taste one room keeps: as many as one event can tell."""

_MAX_CACHED = 64
_COLUMNS = ", ".join(field.name for field in fields(SongTaste))
_MARKS = ", ".join("?" for _ in fields(SongTaste))


class RoomStore:
    """Keeps the rooms. What it writes is committed by the caller.

    Args:
        database: to keep them in.
        keep: how many recommendations the log keeps; a room goes with its last one there.
    """

    def __init__(self, database: Database, *, keep: int) -> None:
        self._connection = database.connection
        self._keep = keep

    def of(self, camera: str) -> Room:
        """Return a camera's room, a new one if nothing is kept of it."""
        query = "SELECT room FROM rooms WHERE camera = ?"
        row = self._connection.execute(query, (camera,)).fetchone()
        try:
            return msgspec.msgpack.decode(row[0], type=Room) if row else Room()
        except msgspec.DecodeError:
            # Of another version: a room begins anew sooner than that nobody gets songs.
            return Room()

    def put(self, camera: str, room: Room, *, number: int) -> None:
        """Keep a room as it is after the recommendation with a number in the log."""
        self._connection.execute(
            "INSERT INTO rooms VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = excluded.number, room = excluded.room",
            (camera, number, msgspec.msgpack.encode(room)),
        )
        self._connection.execute(
            "DELETE FROM rooms WHERE number <= ?", (number - LONE_FACTOR * self._keep,)
        )


class TasteStore:
    """Keeps what was said of songs. What it writes is committed by the caller.

    Args:
        database: to keep it in.
        keep: for how many songs of all rooms together; those of which nothing was said for longest
            are forgotten.
    """

    def __init__(self, database: Database, *, keep: int = 10_000) -> None:
        self._connection = database.connection
        self._keep = keep
        self._cached: dict[str, RoomTaste] = {}

    def of(self, camera: str) -> RoomTaste:
        """Return the taste of a room."""
        if camera not in self._cached:
            if len(self._cached) >= _MAX_CACHED:
                self._cached.clear()
            self._cached[camera] = RoomTaste({each.song: each for each in self._read(camera)})
        return self._cached[camera]

    def _read(self, camera: str) -> list[SongTaste]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM tastes WHERE camera = ?",  # noqa: S608 - names of fields
            (camera,),
        )
        names = [field.name for field in fields(SongTaste)]
        return [SongTaste(**dict(zip(names, row, strict=True))) for row in rows]

    def cameras(self) -> list[str]:
        """Return the rooms in which something was said."""
        rows = self._connection.execute("SELECT DISTINCT camera FROM tastes ORDER BY camera")
        return [str(camera) for (camera,) in rows]

    def put(self, camera: str, entry: SongTaste) -> None:
        """Keep what was said of a song in a room."""
        self._cached.clear()
        self._connection.execute(
            f"INSERT OR REPLACE INTO tastes (camera, {_COLUMNS}) VALUES (?, {_MARKS})",  # noqa: S608 - names of fields
            (camera, *astuple(entry)),
        )
        self._connection.execute(
            "DELETE FROM tastes WHERE camera = ? AND rowid NOT IN (SELECT rowid FROM tastes"
            " WHERE camera = ? ORDER BY changed DESC, rowid DESC LIMIT ?)",
            (camera, camera, _MAX_ROOM_SONGS),
        )
        self._connection.execute(
            "DELETE FROM tastes WHERE rowid NOT IN"
            " (SELECT rowid FROM tastes ORDER BY changed DESC, rowid DESC LIMIT ?)",
            (self._keep,),
        )

    def forget(self, camera: str) -> None:
        """Forget all that was said in a room."""
        self._cached.clear()
        self._connection.execute("DELETE FROM tastes WHERE camera = ?", (camera,))
