"""What webhooks and the MQTT bridge carry: every event but live readings and requests."""

from dataclasses import dataclass

from moodcue.events import Status
from moodcue.identity import NS_PER_SECOND
from moodcue.topics import Family
from moodcue_gateway.journal import JOURNAL_FAMILIES

STATE_FAMILIES = frozenset({Family.TASTE, Family.INDEX, Family.STATUS})
"""Of these the newest event of a topic says all, and an older one is worth nothing."""

OUTLET_FAMILIES = JOURNAL_FAMILIES | STATE_FAMILIES

OUTLET_TOPICS = tuple(f"{family.value}/" for family in sorted(OUTLET_FAMILIES))

_REPEAT_NS = 60 * NS_PER_SECOND
_MAX_TOPICS = 1000


@dataclass(frozen=True)
class _Beat:
    started: int
    state: str
    time: int


class HeartbeatFilter:
    """Lets a heartbeat pass that says something new, and one a minute besides.

    A service beats once a second; of each there may be many. Whoever misses the one of the minute
    knows that the service is gone.
    """

    def __init__(self) -> None:
        self._passed: dict[str, _Beat] = {}

    def passes(self, topic: str, event: Status) -> bool:
        """Say whether a heartbeat goes out, and remember it if so.

        Args:
            topic: that it came on.
            event: of a service that is new, has started anew, is in another state, or was last
                heard of here a minute ago.
        """
        beat = _Beat(event.started, event.state, event.time)
        last = self._passed.get(topic)
        if (
            last is not None
            and (last.started, last.state) == (beat.started, beat.state)
            # A clock may be set back.
            and abs(beat.time - last.time) < _REPEAT_NS
        ):
            return False
        self._passed.pop(topic, None)
        self._passed[topic] = beat
        while len(self._passed) > _MAX_TOPICS:
            del self._passed[next(iter(self._passed))]
        return True
