"""What the gateway has promised to send, in a small SQLite file that outlives the process."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from moodcue.errors import MoodcueError

FILE = "webhooks.sqlite"
_VERSION = 1
_SCHEMA = f"""
BEGIN;
CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    topics TEXT NOT NULL,
    secret TEXT NOT NULL,
    created INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    hook TEXT NOT NULL REFERENCES hooks ON DELETE CASCADE,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    failure TEXT
) STRICT;
CREATE INDEX deliveries_of_hook ON deliveries (hook, failure IS NULL, number);
CREATE TABLE seen (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL UNIQUE) STRICT;
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_QUEUE_FULL = "newer events took its place in the full queue"


class StoreError(MoodcueError):
    """The file of the webhooks cannot be used."""


@dataclass(frozen=True)
class Hook:
    """A registered webhook.

    Attributes:
        id: of the webhook.
        url: that events are sent to.
        topics: beginnings of the topics that it wants.
        secret: that its messages are signed with.
        created: UTC, nanoseconds since 1970.
    """

    id: str
    url: str
    topics: tuple[str, ...]
    secret: str
    created: int

    def wants(self, topic: str) -> bool:
        """Say whether it asked for a topic."""
        return topic.startswith(self.topics)


@dataclass(frozen=True)
class News:
    """An event as it goes out.

    Attributes:
        topic: of the event.
        event: its id.
        body: its JSON.
        is_state: whether an older one of its topic need not go out any more.
    """

    topic: str
    event: str
    body: str
    is_state: bool = False


@dataclass(frozen=True)
class Delivery:
    """An event on its way to one webhook; `failure` says why it is given up."""

    number: int
    event: str
    body: str
    failure: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many events wait, are given up, and are no longer kept."""

    waiting: int
    dead: int
    dropped: int


class WebhookStore:
    """Keeps webhooks, what waits for each, in order, and what was given up. One thread uses it.

    Args:
        folder: of the file; made if it is not there.
        queue: events that wait for one webhook; the oldest are given up beyond.
        dead: events given up that are kept for one webhook; the oldest are dropped beyond.
        remembered: ids of events that are known when they come again.

    Raises:
        StoreError: if the file cannot be used.
    """

    def __init__(self, folder: Path, *, queue: int, dead: int, remembered: int) -> None:
        self._queue, self._dead, self._remembered = queue, dead, remembered
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # It holds secrets.
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be used: {error}") from error
        try:
            _prepare(self._database)
        except (sqlite3.Error, StoreError) as error:
            self._database.close()
            raise StoreError(f"{path} cannot be used: {error}; move it away") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def hooks(self) -> list[Hook]:
        """Return all webhooks, oldest first."""
        rows = self._database.execute(
            "SELECT id, url, topics, secret, created FROM hooks ORDER BY created, id"
        )
        return [Hook(row[0], row[1], tuple(row[2].split()), row[3], row[4]) for row in rows]

    def add(self, hook: Hook, *, known: Iterable[str], first: Iterable[News]) -> None:
        """Register a webhook.

        Args:
            hook: to register.
            known: ids of events that happened before and are not for it.
            first: events to send it nevertheless, before all others.
        """
        fields = (hook.id, hook.url, " ".join(hook.topics), hook.secret, hook.created)
        with self._database:
            self._database.execute(
                "INSERT INTO hooks (id, url, topics, secret, created) VALUES (?, ?, ?, ?, ?)",
                fields,
            )
            self._see(known)
            self._queue_for(hook, first)

    def remove(self, hook_id: str) -> bool:
        """Forget a webhook and all that waits for it; False if there is none."""
        with self._database:
            cursor = self._database.execute("DELETE FROM hooks WHERE id = ?", (hook_id,))
        return cursor.rowcount > 0

    def accept(self, news: Sequence[News]) -> None:
        """Queue events for the webhooks that want them; those seen before are left out."""
        hooks = self.hooks()
        if not hooks:
            return
        with self._database:
            fresh = [one for one in news if self._see([one.event])]
            for hook in hooks:
                self._queue_for(hook, [one for one in fresh if hook.wants(one.topic)])

    def next_for(self, hook_id: str) -> Delivery | None:
        """Return the oldest event that waits for a webhook."""
        row = self._database.execute(
            "SELECT number, event, body FROM deliveries WHERE hook = ? AND failure IS NULL"
            " ORDER BY number LIMIT 1",
            (hook_id,),
        ).fetchone()
        return Delivery(*row) if row else None

    def delivered(self, number: int) -> None:
        """Note that an event was taken."""
        with self._database:
            self._database.execute("DELETE FROM deliveries WHERE number = ?", (number,))

    def give_up(self, hook_id: str, number: int, failure: str) -> bool:
        """Keep an event as a dead letter, with the reason; False if it was replaced meanwhile."""
        with self._database:
            kept = self._database.execute(
                "UPDATE deliveries SET failure = ? WHERE number = ?", (failure, number)
            ).rowcount
            self._drop_oldest_dead(hook_id)
        return kept > 0

    def dead_letters(self, hook_id: str, *, limit: int) -> list[Delivery]:
        """Return events that were given up, oldest first."""
        rows = self._database.execute(
            "SELECT number, event, body, failure FROM deliveries"
            " WHERE hook = ? AND failure IS NOT NULL ORDER BY number LIMIT ?",
            (hook_id, limit),
        )
        return [Delivery(*row) for row in rows]

    def resend(self, hook_id: str, events: Sequence[str] | None) -> int:
        """Let dead letters wait again, at their old places; None: all. Returns how many."""
        query = "UPDATE deliveries SET failure = NULL WHERE hook = ? AND failure IS NOT NULL"
        with self._database:
            if events is None:
                return self._database.execute(query, (hook_id,)).rowcount
            return sum(
                self._database.execute(f"{query} AND event = ?", (hook_id, event)).rowcount
                for event in events
            )

    def counts(self, hook_id: str) -> Counts:
        """Count what a webhook has waiting, given up and dropped."""
        row = self._database.execute(
            "SELECT (SELECT count(*) FROM deliveries WHERE hook = id AND failure IS NULL),"
            " (SELECT count(*) FROM deliveries WHERE hook = id AND failure IS NOT NULL), dropped"
            " FROM hooks WHERE id = ?",
            (hook_id,),
        ).fetchone()
        return Counts(*row) if row else Counts(0, 0, 0)

    def _see(self, events: Iterable[str]) -> int:
        """Remember ids of events; returns how many were new."""
        new = self._database.executemany(
            "INSERT OR IGNORE INTO seen (event) VALUES (?)", [(event,) for event in events]
        ).rowcount
        self._database.execute(
            "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?",
            (self._remembered,),
        )
        return max(0, new)

    def _queue_for(self, hook: Hook, news: Iterable[News]) -> None:
        for one in news:
            if one.is_state:
                self._database.execute(
                    "DELETE FROM deliveries WHERE hook = ? AND failure IS NULL"
                    " AND json_extract(body, '$.topic') = ?",
                    (hook.id, one.topic),
                )
            self._database.execute(
                "INSERT INTO deliveries (hook, event, body) VALUES (?, ?, ?)",
                (hook.id, one.event, one.body),
            )
        self._database.execute(
            "UPDATE deliveries SET failure = ? WHERE hook = ? AND failure IS NULL AND number <="
            " (SELECT number FROM deliveries WHERE hook = ? AND failure IS NULL"
            " ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (_QUEUE_FULL, hook.id, hook.id, self._queue),
        )
        self._drop_oldest_dead(hook.id)

    def _drop_oldest_dead(self, hook_id: str) -> None:
        dropped = self._database.execute(
            "DELETE FROM deliveries WHERE hook = ? AND failure IS NOT NULL AND number <="
            " (SELECT number FROM deliveries WHERE hook = ? AND failure IS NOT NULL"
            " ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (hook_id, hook_id, self._dead),
        ).rowcount
        if dropped > 0:
            self._database.execute(
                "UPDATE hooks SET dropped = dropped + ? WHERE id = ?", (dropped, hook_id)
            )


def _prepare(database: sqlite3.Connection) -> None:
    # NORMAL loses at most the last events to a power cut; the broker sends those again.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA foreign_keys = ON")
    with closing(database.execute("PRAGMA user_version")) as cursor:
        version = cursor.fetchone()[0]
    if version == 0:
        database.executescript(_SCHEMA)
    elif version != _VERSION:
        raise StoreError(f"it has version {version}, needed is {_VERSION}")
