"""Publishing what rooms have taught."""

from collections import Counter

from moodcue.bus import Publisher
from moodcue.events import Taste
from moodcue.identity import Clock, new_id, new_source, new_trace
from moodcue.topics import Family, topic
from moodcue_recommender.taste import RoomTaste


class TasteSender:
    """Publishes tastes under a source name that is new at each start, as heartbeats do.

    Args:
        publisher: of the service.
        clock: wall clock.
    """

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._source = new_source(*publisher.source.split("/", 1))
        self._numbers: Counter[str] = Counter()

    def send(self, camera: str, taste: RoomTaste) -> None:
        """Publish all that a room has taught."""
        self._numbers[camera] += 1
        event = Taste(
            id=new_id(),
            source=self._source,
            seq=self._numbers[camera],
            time=self._clock(),
            trace=new_trace(),
            camera=camera,
            entries=taste.entries(),
        )
        self._publisher.send(topic(Family.TASTE, camera), event)
