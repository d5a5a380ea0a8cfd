"""Events for the tests of the shared library."""

from moodcue.bus import Publisher
from moodcue.events import Recommendation
from moodcue.identity import new_id, new_trace


def recommendation(publisher: Publisher, camera: str = "kitchen") -> Recommendation:
    """Make the next recommendation of a publisher, without songs."""
    topic = f"recommendation/{camera}/"
    return Recommendation(
        id=new_id(),
        source=publisher.source,
        seq=publisher.next_seq(topic),
        time=1,
        trace=new_trace(),
        camera=camera,
        emotion="happiness",
        confidence=0.5,
    )


def send(publisher: Publisher, count: int = 1, camera: str = "kitchen") -> list[Recommendation]:
    """Publish some recommendations and return them."""
    events = [recommendation(publisher, camera) for _ in range(count)]
    for event in events:
        assert publisher.send(f"recommendation/{camera}/", event)
    return events
