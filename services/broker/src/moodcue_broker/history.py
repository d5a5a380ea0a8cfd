"""What the broker remembers of events: the last value and a bounded history per topic."""

import heapq
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from moodcue.topics import HISTORY_FAMILIES, LAST_VALUE_FAMILIES, family_of

Frames = Sequence[bytes]


class _Kept(NamedTuple):
    """An event: its place among all that arrived, its sequence number, its parts on the wire."""

    arrival: int
    seq: int
    frames: Frames


@dataclass
class _Topic:
    """The kept events of one topic by id, oldest first."""

    events: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)
    evicted: bool = False

    def after(self, seq: int) -> tuple[list[_Kept], bool]:
        kept = list(self.events.values())
        if seq == 0:
            return kept, not self.evicted
        for position in range(len(kept) - 1, -1, -1):
            if kept[position].seq == seq:
                return kept[position + 1 :], True
        return kept, bool(kept) and kept[0].seq == seq + 1


def _size(frames: Frames) -> int:
    return sum(map(len, frames))


class EventHistory:
    """Keeps what late joiners and replays ask for.

    Args:
        history_events: events kept per topic of a family with history.
        max_topics: topics kept; the least recently used one falls out.
        max_bytes: of all kept events together; beyond it, the topic that grows loses its oldest.

    Attributes:
        evicted_topics: how many topics fell out.
        shortened: how many events fell out for the sake of `max_bytes`.
    """

    def __init__(self, *, history_events: int, max_topics: int, max_bytes: int) -> None:
        self._history_events = history_events
        self._max_topics = max_topics
        self._topics: OrderedDict[str, _Topic] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrived = 0
        self.evicted_topics = 0
        self.shortened = 0

    def __len__(self) -> int:
        return len(self._topics)

    def add(self, topic: str, *, event_id: str, seq: int, frames: Frames) -> None:
        """Keep an event, if its topic is of a family that is kept.

        An event that is kept already stays where it is: a service that warms a restarted broker
        sends old ones again.

        Raises:
            ProtocolError: if the topic is of no known family.
        """
        family = family_of(topic)
        if family not in HISTORY_FAMILIES | LAST_VALUE_FAMILIES:
            return
        limit = self._history_events if family in HISTORY_FAMILIES else 1
        kept = self._topics.setdefault(topic, _Topic())
        self._topics.move_to_end(topic)
        if event_id in kept.events:
            return
        self._arrived += 1
        kept.events[event_id] = _Kept(self._arrived, seq, frames)
        self._bytes += _size(frames)
        self._make_room(kept, limit=limit)

    def _make_room(self, kept: _Topic, *, limit: int) -> None:
        while len(kept.events) > limit:
            self._drop_oldest(kept)
        while len(kept.events) > 1 and self._bytes > self._max_bytes:
            self._drop_oldest(kept)
            self.shortened += 1
        while len(self._topics) > 1 and (
            len(self._topics) > self._max_topics or self._bytes > self._max_bytes
        ):
            _, fallen = self._topics.popitem(last=False)
            self._bytes -= sum(_size(event.frames) for event in fallen.events.values())
            self.evicted_topics += 1

    def _drop_oldest(self, kept: _Topic) -> None:
        _, oldest = kept.events.popitem(last=False)
        self._bytes -= _size(oldest.frames)
        kept.evicted = True

    def last_values(self, prefix: str) -> Iterator[Frames]:
        """Yield the newest event of every topic that begins with a prefix and has a last value."""
        for topic, kept in self._topics.items():
            if topic.startswith(prefix) and family_of(topic) in LAST_VALUE_FAMILIES:
                yield next(reversed(kept.events.values())).frames

    def replay(self, prefix: str, after_seq: int, *, limit: int) -> tuple[list[Frames], bool]:
        """Return the kept events of the topics that begin with a prefix, in order of arrival.

        Args:
            prefix: beginning of the topics.
            after_seq: per topic, only what came after this number, if it is kept; else all.
            limit: the most events that are returned, the newest ones.

        Returns:
            The events as frames, and whether nothing asked for had fallen out or is beyond the
            limit.
        """
        found = [
            kept.after(after_seq)
            for topic, kept in self._topics.items()
            if topic.startswith(prefix) and family_of(topic) in HISTORY_FAMILIES
        ]
        newest_first = heapq.merge(
            *(reversed(events) for events, _ in found), key=lambda kept: kept.arrival, reverse=True
        )
        frames = [kept.frames for kept in islice(newest_first, limit)][::-1]
        complete = all(all_there for _, all_there in found)
        return frames, complete and sum(len(events) for events, _ in found) <= limit
