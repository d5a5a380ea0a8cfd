"""Tell the broker that a new index is there; the only module that knows sockets."""

import zmq

from moodcue.bus import BusAddress, Publisher
from moodcue.events import IndexPublished
from moodcue.identity import Clock, new_id, new_trace, system_clock
from moodcue.library_index import IndexManifest
from moodcue.topics import Family, topic

_LINGER_MS = 1000


def announce(
    manifest: IndexManifest,
    *,
    address: BusAddress,
    timeout_seconds: float,
    clock: Clock = system_clock,
) -> bool:
    """Publish `index_published.v1`; a hint only, as readers also watch the manifest.

    Args:
        manifest: Of the index that was published.
        address: Of the broker.
        timeout_seconds: How long to wait for the broker.
        clock: UTC, nanoseconds.

    Returns:
        Whether a broker was there to take it.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    # A source of its own for every publication: each is a new process, whose numbers begin at 1.
    source = f"mer-indexer/{manifest.generation}"
    publisher = Publisher(context, address, source=source)
    try:
        if not publisher.wait_until_connected(timeout_seconds):
            return False
        name = topic(Family.INDEX)
        event = IndexPublished(
            id=new_id(),
            source=source,
            seq=publisher.next_seq(name),
            time=clock(),
            trace=new_trace(),
            generation=manifest.generation,
            songs=manifest.songs,
            model_sha256=manifest.model_sha256,
        )
        return publisher.send(name, event)
    finally:
        publisher.close(linger_ms=_LINGER_MS)
        context.term()
