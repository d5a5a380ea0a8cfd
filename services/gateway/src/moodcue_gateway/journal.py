"""A bounded journal of windows and recommendations, from which clients resume."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from moodcue.codec import Message
from moodcue.events import AnyEvent
from moodcue.topics import Family

JOURNAL_FAMILIES = frozenset({Family.RECOMMENDATION, Family.EMOTION_WINDOW})

BEGINNING = "beginning"
"""Stands for the id of the last event where there was none yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as clients get it.

    Attributes:
        number: place in the journal, from 1; 0 for a live reading, which has none.
        topic: that it came on.
        event: itself.
        text: JSON of the event and its topic.
    """

    number: int
    topic: str
    event: AnyEvent
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Stands where a client asked for entries that are no longer kept.

    Attributes:
        lost: how many entries of all topics that is, None if nobody can know.
        detail: the same in a sentence.
    """

    lost: int | None = None
    detail: str = "some windows or recommendations are no longer kept and were skipped"


class Journal:
    """The newest entries in order, found again by the id of their event."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._entries: deque[Entry] = deque()
        self._numbers: dict[str, int] = {}
        self._forgotten: dict[tuple[str, str], int] = {}
        self.last = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def number_of(self, event_id: str) -> int | None:
        """Return the number of an event, None if it is not kept; `BEGINNING` is 0."""
        return 0 if event_id == BEGINNING else self._numbers.get(event_id)

    @property
    def first(self) -> int:
        """Number of the oldest entry that is kept, or of the first that will be."""
        return self._entries[0].number if self._entries else self.last + 1

    @property
    def last_id(self) -> str:
        """Id of the newest event, or `BEGINNING`: where a client that starts now would resume."""
        return self._entries[-1].event.id if self._entries else BEGINNING

    def is_forgotten(self, message: Message) -> bool:
        """Say whether an event that comes again is one that fell out of here before."""
        event = message.event
        return event.seq <= self._forgotten.get((message.topic, event.source), 0)

    def add(self, entry: Entry) -> None:
        """Append an entry whose number follows `last`; the oldest one falls out."""
        self.last = entry.number
        self._entries.append(entry)
        self._numbers[entry.event.id] = entry.number
        if len(self._entries) > self._size:
            oldest = self._entries.popleft()
            del self._numbers[oldest.event.id]
            self._forgotten[oldest.topic, oldest.event.source] = oldest.event.seq
            if len(self._forgotten) > self._size:
                del self._forgotten[next(iter(self._forgotten))]

    def after(self, number: int) -> tuple[list[Entry], int]:
        """Return the entries after a number, and how many of them have fallen out."""
        newer = list(takewhile(lambda entry: entry.number > number, reversed(self._entries)))
        newer.reverse()
        return newer, self.last - number - len(newer)
