import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from fixtures import BrokerProcess, Context, Eventually
from shared_events import recommendation, send

from moodcue import subscribe
from moodcue.bus import BusAddress, Publisher
from moodcue.client import Subscription
from moodcue.errors import BusError, ProtocolError, SettingsError
from moodcue.events import AnyEvent, Recommendation
from moodcue.replay import replay

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def publisher(context: Context, address: BusAddress, broker: BrokerProcess) -> Publisher:
    assert broker
    made = Publisher(context, address, source="recommender/test")
    assert made.wait_until_connected(10)
    return made


@pytest.fixture
def publish(
    context: Context, address: BusAddress, publisher: Publisher, eventually: Eventually
) -> Callable[[int], list[Recommendation]]:
    """Publish some recommendations; return them when the broker's history has them."""

    def publish_all(count: int) -> list[Recommendation]:
        sent = send(publisher, count)

        def history() -> list[AnyEvent]:
            return [m.event for m in replay(context, address, topic="recommendation/")[0]]

        eventually(lambda: sent[-1] in history(), "the broker has all that was published")
        return sent

    return publish_all


@pytest.fixture
def subscription(address: BusAddress, broker: BrokerProcess) -> Iterator[Subscription]:
    assert broker
    with subscribe("recommendation/", port=address.port) as made:
        yield made


def settle(publisher: Publisher, subscription: Subscription) -> AnyEvent:
    """Publish until the subscription has certainly begun."""
    for _ in range(100):
        send(publisher, camera="first")
        if event := subscription.get(timeout_seconds=0.1):
            while later := subscription.get(timeout_seconds=0.2):
                event = later
            return event
    pytest.fail("nothing arrived")


def ids(events: list[AnyEvent]) -> list[str]:
    return [event.id for event in events]


def take(subscription: Subscription, count: int) -> list[AnyEvent]:
    taken = []
    for _ in range(count):
        event = subscription.get(timeout_seconds=10)
        assert event is not None
        taken.append(event)
    return taken


def test_events_come_in_order_each_once(publisher: Publisher, subscription: Subscription) -> None:
    settle(publisher, subscription)
    sent = send(publisher, 50)

    assert take(subscription, 50) == sent
    assert subscription.lost == 0


def test_a_replay_comes_first_and_what_happens_meanwhile_follows(
    address: BusAddress, publisher: Publisher, publish: Callable[[int], list[Recommendation]]
) -> None:
    sent = publish(10)
    with subscribe("recommendation/kitchen/", port=address.port, after_seq=4) as subscription:
        first = take(subscription, 6)
        sent += send(publisher, 3)

        assert first + take(subscription, 3) == sent[4:]


def test_a_late_joiner_gets_the_last_value_at_once(
    address: BusAddress, publish: Callable[[int], list[Recommendation]]
) -> None:
    sent = publish(3)
    with subscribe("recommendation/", port=address.port) as subscription:
        assert take(subscription, 1) == sent[-1:]


def test_a_gap_is_filled_from_the_history(
    address: BusAddress, publisher: Publisher, subscription: Subscription, context: Context
) -> None:
    settle(publisher, subscription)
    [before] = send(publisher)
    assert take(subscription, 1) == [before]
    other = Publisher(context, address, source=publisher.source)
    assert other.wait_until_connected(10)
    missed, after = recommendation(publisher), recommendation(publisher)
    # What a broken connection loses: the history has it, this subscriber has not.
    subscription._subscriber.socket.unsubscribe(b"recommendation/")  # noqa: SLF001 - the fault
    settled = False
    while not settled:
        other.send("recommendation/kitchen/", missed)
        settled = missed.id in ids(
            [m.event for m in replay(context, address, topic="recommendation/kitchen/")[0]]
        )
    while subscription.get(timeout_seconds=0.2):
        pass
    subscription._sequence._last["recommendation/kitchen/", publisher.source] = before.seq  # noqa: SLF001 - as above
    subscription._subscriber.socket.subscribe(b"recommendation/")  # noqa: SLF001 - as above
    other.send("recommendation/kitchen/", after)

    received: list[AnyEvent] = []
    while after not in received:
        received += [e for e in take(subscription, 1) if e.camera == "kitchen"]  # type: ignore[union-attr]
    assert received == [missed, after]
    assert subscription.lost == 0


def test_a_subscriber_lives_through_a_restart_of_the_broker(
    publisher: Publisher, subscription: Subscription, broker: BrokerProcess
) -> None:
    settle(publisher, subscription)
    assert broker.stop() == 0
    broker.start()

    settle(publisher, subscription)


def test_the_async_iterator_gives_the_same_events(
    address: BusAddress, publisher: Publisher, publish: Callable[[int], list[Recommendation]]
) -> None:
    sent = publish(5)

    async def collect() -> list[AnyEvent]:
        received = []
        with subscribe("recommendation/", port=address.port, after_seq=0) as subscription:
            async for event in subscription:
                received.append(event)
                if len(received) == 5:
                    sent.extend(send(publisher, 5))
                if len(received) == 10:
                    return received
        return received

    assert asyncio.run(asyncio.wait_for(collect(), 30)) == sent


def test_a_replay_without_a_broker_says_where_it_looked(address: BusAddress) -> None:
    with (
        subscribe("recommendation/", port=address.port, after_seq=0) as subscription,
        pytest.raises(BusError, match=str(address.port + 4)),
    ):
        subscription.get(timeout_seconds=1)


def listen(address: BusAddress, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "moodcue", "listen", "--port", str(address.port), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_listen_prints_one_json_object_per_event(
    address: BusAddress, publish: Callable[[int], list[Recommendation]]
) -> None:
    sent = publish(3)

    out, err = listen(address, "--json", "--after-seq", "0", "--count", "3").communicate(timeout=30)

    lines = [msgspec.json.decode(line) for line in out.splitlines()]
    assert [line["id"] for line in lines] == [event.id for event in sent]
    assert {line["topic"] for line in lines} == {"recommendation/kitchen/"}
    assert err == ""


def test_listen_prints_lines_for_people_and_ends_with_ctrl_c(
    address: BusAddress, publish: Callable[[int], list[Recommendation]]
) -> None:
    publish(1)
    process = listen(address)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    assert "kitchen: happiness, confidence 50%" in line
    assert process.returncode == 0
    assert err == ""


def test_listen_without_a_broker_is_one_clear_line(address: BusAddress) -> None:
    process = listen(address, "--after-seq", "0")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    [line] = err.splitlines()
    assert "no replay from the broker" in line


def test_listen_says_that_it_waits_for_a_broker_and_goes_on_when_one_comes(
    context: Context, address: BusAddress, broker: BrokerProcess
) -> None:
    assert broker.stop() == 0
    with listen(address, "--count", "1") as process:
        assert process.stderr is not None
        waiting = process.stderr.readline()
        broker.start()
        with Publisher(context, address, source="recommender/test") as publisher:
            assert publisher.wait_until_connected(30)
            send(publisher)
            heard, _ = process.communicate(timeout=30)
            assert process.returncode == 0

    assert waiting == (
        f"moodcue: there is no connection to the broker at 127.0.0.1, ports from {address.port}; "
        "waiting for it\n"
    )
    assert "kitchen: happiness" in heard


@pytest.mark.parametrize("topic", ["recomendation/", "recommendations/", "frame/", "kitchen/"])
def test_a_topic_that_never_comes_is_refused_with_those_that_do(topic: str) -> None:
    with pytest.raises(ProtocolError, match=rf"{topic}.*face-emotion/, emotion-window/"):
        subscribe(topic)


@pytest.mark.parametrize("topic", ["", "reco", "status/fer", "recommendation/kitchen/"])
def test_the_beginning_of_a_topic_is_enough(address: BusAddress, topic: str) -> None:
    with subscribe(topic, port=address.port) as subscription:
        assert subscription.problem() == "there is no connection to the broker"


@pytest.mark.parametrize("port", [0, -5, 65_532, 99_999])
def test_a_port_without_four_more_behind_it_is_refused(port: int) -> None:
    with pytest.raises(SettingsError, match=rf"port {port} .* 1 to 65531"):
        subscribe(port=port)


def test_a_replay_from_before_the_first_number_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"after_seq=-1: .* 0 replays all"):
        subscribe(after_seq=-1)


def test_the_example_subscriber_needs_thirty_lines_and_prints_songs(
    address: BusAddress, publish: Callable[[int], list[Recommendation]]
) -> None:
    example = REPOSITORY / "examples" / "subscribe.py"
    publish(1)
    process = subprocess.Popen(
        [sys.executable, str(example), "127.0.0.1", str(address.port + 1)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.kill()
    process.communicate()

    assert line == "kitchen: happiness (50%)\n"
    assert len(example.read_text().splitlines()) <= 30
