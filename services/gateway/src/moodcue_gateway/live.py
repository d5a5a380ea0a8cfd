"""What the gateway knows of the bus: newest events, a bounded journal, and who listens.

Windows and recommendations are numbered in a journal that every listening client reads at its own
pace, so a slow client costs no queue of its own. Live readings (faces, status) are worth nothing
once a newer one is there: of these a slow client gets the newest of each topic.

Everything here belongs to the event loop.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from moodcue.codec import Message, as_json
from moodcue.events import AnyEvent, Recommendation, Status
from moodcue.topics import Family, family_of
from moodcue.tracing import Laps, Step, Tracer
from moodcue_gateway.journal import JOURNAL_FAMILIES, Entry, Gap, Journal
from moodcue_gateway.metrics import GatewayMetrics

E = TypeVar("E", bound=AnyEvent)


class Stream:
    """One client's view of the events of some topics.

    Args:
        live: what it reads from.
        topics: beginnings of the topics that it wants.
        after: number of the last journal entry that the client has.
        resume_id: id of that entry.
        first: entries and gaps to hand out before all others.
    """

    def __init__(
        self,
        live: "Live",
        *,
        topics: Sequence[str],
        after: int,
        resume_id: str,
        first: Sequence[Entry | Gap],
    ) -> None:
        self.resume_id = resume_id
        self._live = live
        self._topics = tuple(topics)
        self._after = after
        self._first = list(first)
        self._readings: dict[str, Entry] = {}
        self._news = asyncio.Event()
        self._news.set()
        self.skipped = 0

    def wants(self, topic: str) -> bool:
        """Say whether this client asked for a topic."""
        return topic.startswith(self._topics)

    def offer(self, entry: Entry) -> None:
        """Note that an entry is there; a live reading replaces the older one of its topic."""
        if not self.wants(entry.topic):
            return
        if not entry.number:
            self.skipped += entry.topic in self._readings
            self._readings[entry.topic] = entry
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many live readings wait for the client: at most one of each topic."""
        return len(self._readings)

    async def batch(self) -> list[Entry | Gap]:
        """Wait for news and return them; empty when the gateway closes."""
        while not self._live.closed:
            await self._news.wait()
            self._news.clear()
            found = self.pending()
            if found:
                return found
        return []

    def wake(self) -> None:
        """Let `batch` look again."""
        self._news.set()

    def pending(self) -> list[Entry | Gap]:
        """Return what waits for the client, and wait for nothing."""
        found: list[Entry | Gap] = [*self._first, *self._readings.values()]
        self._first.clear()
        self._readings.clear()
        entries, lost = self._live.journal.after(self._after)
        if lost:
            found.append(Gap(lost))
        self._after = self._live.journal.last
        return [*found, *(entry for entry in entries if self.wants(entry.topic))]


class Live:
    """The state of the bus as the gateway has seen it.

    Args:
        history_events: windows and recommendations kept.
        max_topics: topics whose newest event is kept.
        max_streams: clients that may listen at the same time.
        metrics: to count in.
        tracer: told of the recommendations that were pushed, where somebody traces.
    """

    def __init__(
        self,
        *,
        history_events: int,
        max_topics: int,
        max_streams: int,
        metrics: GatewayMetrics,
        tracer: Tracer | None = None,
    ) -> None:
        self.journal = Journal(size=history_events)
        self.closed = False
        self._max_topics = max_topics
        self._max_streams = max_streams
        self._metrics = metrics
        self._tracer = tracer
        self._newest: OrderedDict[str, Entry] = OrderedDict()
        self._streams: set[Stream] = set()
        self._residents: set[Stream] = set()
        self._answers: dict[str, asyncio.Future[Recommendation]] = {}

    def take(self, messages: Iterable[Message], *, replayed: bool = False) -> None:
        """Keep events and pass them on; what is known already is left out.

        Args:
            messages: in order of arrival.
            replayed: they come from the broker's history and may be old.
        """
        for message in messages:
            family = family_of(message.topic)
            if self._is_known(message, family=family):
                continue
            self._metrics.events_received.labels(family.value).inc()
            number = self.journal.last + 1 if family in JOURNAL_FAMILIES else 0
            entry = Entry(number, message.topic, message.event, as_json(message))
            self._keep(entry, replayed=replayed)
            self._push(entry, traced=not replayed)
            if isinstance(message.event, Recommendation):
                self._answer(message.event)

    def _push(self, entry: Entry, *, traced: bool) -> None:
        laps = Laps()
        for stream in self._streams | self._residents:
            stream.offer(entry)
        event = entry.event
        if traced and self._tracer is not None and isinstance(event, Recommendation):
            laps.lap("offer to clients")
            step = Step(
                name="push songs",
                trace=event.trace,
                start=laps.start,
                end=laps.end,
                taken=event.id,
                attributes={"camera": event.camera, "clients": len(self._streams)},
            )
            self._tracer.record(step)

    def _is_known(self, message: Message, *, family: Family) -> bool:
        event = message.event
        if family in JOURNAL_FAMILIES:
            # The broker and the recommender send old events again after a restart of the other.
            known = self.journal.number_of(event.id) is not None
            return known or self.journal.is_forgotten(message)
        newest = self._newest.get(message.topic)
        return newest is not None and _is_not_older(newest.event, event)

    def _keep(self, entry: Entry, *, replayed: bool) -> None:
        if entry.number:
            self.journal.add(entry)
        newest = self._newest.get(entry.topic)
        outdated = newest is not None and (
            _is_not_older(newest.event, entry.event)
            or (replayed and entry.event.time < newest.event.time)
        )
        if not outdated:
            self._newest[entry.topic] = entry
            self._newest.move_to_end(entry.topic)
        while len(self._newest) > self._max_topics:
            self._newest.popitem(last=False)

    def _answer(self, event: Recommendation) -> None:
        waiting = self._answers.get(event.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(event)

    def newest(self, kind: type[E], *, camera: str | None = None) -> E | None:
        """Return the newest event of a type, of one camera or of all."""
        events = [
            entry.event
            for entry in self._newest.values()
            if isinstance(entry.event, kind)
            and (camera is None or getattr(entry.event, "camera", None) == camera)
        ]
        return max(events, key=lambda event: event.time, default=None)

    def newest_entries(self, topics: Sequence[str]) -> list[Entry]:
        """Return the newest entry of every topic with one of these beginnings."""
        wanted = tuple(topics)
        return [entry for entry in self._newest.values() if entry.topic.startswith(wanted)]

    def statuses(self) -> list[Status]:
        """Return the newest status of every service, in the order of their topics."""
        entries = sorted(self._newest.values(), key=lambda entry: entry.topic)
        return [entry.event for entry in entries if isinstance(entry.event, Status)]

    def recommendations(self, *, camera: str | None = None) -> list[Recommendation]:
        """Return the kept recommendations of one camera or of all, oldest first."""
        events = [
            entry.event
            for entry in self.journal
            if isinstance(entry.event, Recommendation)
            and (camera is None or entry.event.camera == camera)
        ]
        return sorted(events, key=lambda event: event.time)

    @contextmanager
    def stream(
        self, topics: Sequence[str], *, last_event_id: str | None, resident: bool = False
    ) -> Iterator[Stream]:
        """Open a client's stream: newest events first, or what came after an event it has.

        Args:
            topics: beginnings of the topics that the client wants.
            last_event_id: id of the last journal event that the client has, if any.
            resident: it is a part of the gateway and takes no client's place.
        """
        wanted = tuple(topics)
        current = self.newest_entries(wanted)
        readings: list[Entry | Gap] = [entry for entry in current if not entry.number]
        if last_event_id is None:
            after = self.journal.last
            kept = sorted((one for one in current if one.number), key=lambda one: one.number)
            first = [*readings, *kept]
        else:
            known = self.journal.number_of(last_event_id)
            after = self.journal.first - 1 if known is None else known
            first = readings if known is not None else [*readings, Gap()]
        resume_id = last_event_id or self.journal.last_id
        stream = Stream(self, topics=wanted, after=after, resume_id=resume_id, first=first)
        streams = self._residents if resident else self._streams
        streams.add(stream)
        self._metrics.streams.set(len(self._streams))
        try:
            yield stream
        finally:
            streams.discard(stream)
            self._metrics.streams.set(len(self._streams))
            self._metrics.readings_skipped.inc(stream.skipped)

    @property
    def streams(self) -> frozenset[Stream]:
        """The clients that listen."""
        return frozenset(self._streams)

    @property
    def full(self) -> bool:
        """Whether no further client may listen."""
        return len(self._streams) >= self._max_streams

    @contextmanager
    def answer_to(self, request_id: str) -> Iterator[asyncio.Future[Recommendation]]:
        """Give a future of the recommendation that answers a request."""
        future = asyncio.get_running_loop().create_future()
        self._answers[request_id] = future
        try:
            yield future
        finally:
            del self._answers[request_id]

    def counters(self) -> dict[str, float]:
        """Figures for the heartbeat."""
        return {
            "streams": len(self._streams),
            "topics": len(self._newest),
            "journal_events": self.journal.last - self.journal.first + 1,
        }

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        for stream in self._streams | self._residents:
            stream.wake()


def _is_not_older(kept: AnyEvent, other: AnyEvent) -> bool:
    return kept.source == other.source and kept.seq >= other.seq
