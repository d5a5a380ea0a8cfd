from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq
from fixtures import Context, Eventually
from shared_events import recommendation

from moodcue.bus import MAX_NUMBERED_TOPICS, BusAddress, Port, Publisher, Subscriber
from moodcue.codec import Message, encode
from moodcue.control import ReplayEnd, WorkerPing
from moodcue.errors import ProtocolError
from moodcue.replay import replay

TOPIC = "recommendation/kitchen/"
END = [encode(ReplayEnd(events=2, complete=True))]


@pytest.fixture
def publisher(context: Context, address: BusAddress) -> Iterator[Publisher]:
    with Publisher(context, address, source="recommender/test") as made:
        yield made


def answered_with(
    context: Context, address: BusAddress, *answer: list[bytes]
) -> tuple[list[Message], bool]:
    """What `replay` makes of an answer."""
    router = context.socket(zmq.ROUTER)
    router.bind(address.endpoint(Port.REPLAY))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(replay, context, address, topic=TOPIC, timeout_seconds=10)
        identity, _ = router.recv_multipart()
        for frames in answer:
            router.send_multipart([identity, *frames])
        return asked.result()


def test_a_kept_message_that_cannot_be_read_costs_a_replay_itself_alone(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    first, second = recommendation(publisher), recommendation(publisher)
    of_a_later_version = [TOPIC.encode(), b"\x81\xa4type\xb2recommendation.v99"]

    messages, complete = answered_with(
        context,
        address,
        [TOPIC.encode(), encode(first)],
        of_a_later_version,
        [TOPIC.encode(), encode(second)],
        END,
    )

    assert [message.event for message in messages] == [first, second]
    assert not complete


def test_a_replay_that_ends_otherwise_is_refused(context: Context, address: BusAddress) -> None:
    with pytest.raises(ProtocolError, match="not WorkerPing"):
        answered_with(context, address, [encode(WorkerPing(worker="fer/1"))])


def test_numbers_of_invented_topics_are_forgotten_and_never_fall_back(publisher: Publisher) -> None:
    assert [publisher.next_seq("request/kitchen/") for _ in range(3)] == [1, 2, 3]
    for number in range(MAX_NUMBERED_TOPICS):
        assert publisher.next_seq(f"request/{number}/") == 1

    assert publisher.next_seq("request/kitchen/") == 4
    assert publisher.next_seq("request/new/") > 3


def test_a_link_follows_the_broker_as_it_comes_goes_and_returns(
    context: Context, address: BusAddress, eventually: Eventually
) -> None:
    def broker() -> zmq.Socket[bytes]:
        socket = context.socket(zmq.XPUB)
        socket.bind(address.endpoint(Port.EVENTS_OUT))
        return socket

    with Subscriber(context, address, topics=[TOPIC]) as subscriber:
        link = subscriber.link
        assert not link.update()
        assert link.problem()

        first = broker()
        eventually(link.update, "connected")
        assert link.problem() is None
        assert not link.update(), "told once"

        first.close(linger=0)
        eventually(lambda: link.update() or link.problem(), "disconnected")
        assert link.problem()

        broker()
        eventually(link.update, "connected anew")
        assert link.problem() is None
