"""Following the sequence numbers of sources: what is new, what came twice, what is missing."""

from dataclasses import dataclass, field


@dataclass
class SequenceTracker:
    """Remembers the last number per topic and source, of the latest `max_sources` of them.

    Attributes:
        lost: how many events were missing so far.
    """

    max_sources: int = 10_000
    lost: int = 0
    _last: dict[tuple[str, str], int] = field(default_factory=dict)

    def last(self, topic: str, source: str) -> int:
        """Return the last number seen, 0 if none."""
        return self._last.get((topic, source), 0)

    def missing_before(self, topic: str, source: str, seq: int) -> int:
        """Return how many numbers lie between the last one seen and this one.

        The first event of a source has none before it: what came before was never subscribed to.
        """
        last = self.last(topic, source)
        return max(0, seq - last - 1) if last else 0

    def accept(self, topic: str, source: str, seq: int) -> bool:
        """Take note of an event; False if it, or a later one, was seen before."""
        last = self.last(topic, source)
        if last and seq <= last:
            return False
        self.lost += self.missing_before(topic, source, seq)
        self._last.pop((topic, source), None)
        self._last[topic, source] = seq
        if len(self._last) > self.max_sources:
            del self._last[next(iter(self._last))]
        return True
