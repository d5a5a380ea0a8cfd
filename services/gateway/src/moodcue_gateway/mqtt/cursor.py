"""How far each topic was published, in a small file, so that a restart repeats nothing."""

from pathlib import Path

import msgspec
import structlog

from moodcue.events import AnyEvent

FILE = "mqtt.json"
_MAX_TOPICS = 1000
_log = structlog.get_logger(__name__)


class Mark(msgspec.Struct, frozen=True):
    """The last published event of a topic: who made it, its number and its time."""

    source: str
    seq: int
    time: int


class Cursor:
    """Knows the last published event of every topic.

    Args:
        folder: of the file; without one that can be used, only this process remembers.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._last: dict[str, Mark] = {}
        try:
            self._last = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Mark])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("mqtt.cursor_unreadable", file=str(self._path), reason=str(error))

    def is_published(self, topic: str, event: AnyEvent) -> bool:
        """Say whether an event of a topic, or a later one, has been published."""
        mark = self._last.get(topic)
        if mark is None:
            return False
        return event.seq <= mark.seq if event.source == mark.source else event.time <= mark.time

    def advance(self, topic: str, event: AnyEvent) -> None:
        """Note that an event was published."""
        self._last.pop(topic, None)
        self._last[topic] = Mark(event.source, event.seq, event.time)
        while len(self._last) > _MAX_TOPICS:
            del self._last[next(iter(self._last))]
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(self._last))
            beside.replace(self._path)
        except OSError as error:
            _log.warning("mqtt.cursor_not_kept", file=str(self._path), reason=str(error))
