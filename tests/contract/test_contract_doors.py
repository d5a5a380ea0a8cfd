"""Every door gives the same events: what is on the bus, field by field."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import System, events
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from mosquitto import Mosquitto, mqtt_reader
from webhook_receiver import receiver
from websockets.sync.client import connect

import moodcue
from moodcue.codec import Message, as_json, decode_event
from moodcue.topics import Family, topic

pytestmark = pytest.mark.mqtt

GOLDEN = Path(__file__).resolve().parent / "golden"
HEARTBEAT = topic(Family.STATUS, "fer", "worker-1")
TYPES = {
    topic(Family.RECOMMENDATION, "kitchen"): "recommendation.v1",
    topic(Family.EMOTION_WINDOW, "kitchen"): "emotion_window.v1",
    topic(Family.TASTE, "kitchen"): "taste.v1",
    topic(Family.INDEX): "index_published.v1",
    HEARTBEAT: "status.v1",
}
SAMPLES = {
    name: decode_event((GOLDEN / f"{kind}.msgpack").read_bytes()) for name, kind in TYPES.items()
}

Events = dict[str, dict[str, Any]]
"""By topic, as a door gave them."""


Read = Callable[[Collection[str]], Events]
"""Reads until an event of each of some topics came."""


def collect(following: Iterable[dict[str, Any]], wanted: Collection[str]) -> Events:
    """Take events until one of each topic is there, or no more are."""
    found: Events = {}
    for event in following:
        if event.get("topic") in wanted:
            found[event["topic"]] = event
        if len(found) == len(wanted):
            break
    return found


def wait_for_all(
    system: System, came: Callable[[], list[dict[str, Any]]], wanted: Collection[str]
) -> Events:
    """Wait until an event of each topic is among those that came."""
    system.eventually(lambda: len(collect(came(), wanted)) == len(wanted), "all came")
    return collect(came(), wanted)


@contextmanager
def by_zeromq(system: System, _: Mosquitto) -> Iterator[Read]:
    def read() -> Iterator[dict[str, Any]]:
        while True:
            message = subscription.get_message(20)
            assert message is not None, "nothing came"
            yield json.loads(as_json(message))

    with moodcue.subscribe("", port=system.address.port) as subscription:
        yield lambda wanted: collect(read(), wanted)


@contextmanager
def by_sse(system: System, _: Mosquitto) -> Iterator[Read]:
    with events(system.gateway, *TYPES) as reader:
        yield lambda wanted: collect((event.data for event in reader), wanted)


@contextmanager
def by_websocket(system: System, _: Mosquitto) -> Iterator[Read]:
    query = "&".join(f"topic={family}" for family in TYPES)
    url = f"ws{system.gateway.url.removeprefix('http')}/v1/events/ws?{query}"
    with connect(url) as client:
        yield lambda wanted: collect((json.loads(message) for message in client), wanted)


@contextmanager
def by_webhook(system: System, _: Mosquitto) -> Iterator[Read]:
    with receiver() as server:
        wish = {"url": server.url, "topics": list(TYPES)}
        assert system.gateway.client.post("/v1/webhooks", json=wish).status_code == 201

        def read(wanted: Collection[str]) -> Events:
            return wait_for_all(system, lambda: [one.event for one in server.received], wanted)

        yield read


@contextmanager
def by_mqtt(system: System, mosquitto: Mosquitto) -> Iterator[Read]:
    with mqtt_reader(mosquitto.port, *(f"moodcue/{name}#" for name in TYPES)) as reader:

        def came() -> list[dict[str, Any]]:
            return [json.loads(payload) for _, payload, _ in list(reader.messages)]

        yield lambda wanted: wait_for_all(system, came, wanted)


Door = Callable[[System, Mosquitto], AbstractContextManager[Read]]
DOORS: tuple[Door, ...] = (by_zeromq, by_sse, by_websocket, by_webhook, by_mqtt)


def publish(system: System) -> None:
    """Put the golden samples on the bus and wait until the gateway has them."""
    source = system.source()
    for name, event in SAMPLES.items():
        source.publisher.send(name, event)
    live = system.gateway.parts.live
    system.eventually(lambda: len(live.newest_entries(list(TYPES))) == len(TYPES), "all are there")


@pytest.fixture(name="mosquitto")
def mosquitto_fixture(system: System, tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "mosquitto", system.address.port + 7)
    made.start()
    gateway = system.start(mqtt_host="127.0.0.1", mqtt_port=made.port, webhook_targets="local")
    system.eventually(lambda: gateway.parts.impaired() is None, "the gateway has its MQTT broker")
    yield made
    made.stop()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("late", [False, True], ids=["live", "late"])
def test_a_door_gives_the_golden_events_as_they_are_on_the_bus(
    system: System, mosquitto: Mosquitto, door: Door, *, late: bool
) -> None:
    # A broker that kept heartbeats would tell for ever of processes that have died.
    lost = {HEARTBEAT} if late and door is by_mqtt else set()
    wanted = TYPES.keys() - lost
    if late:
        publish(system)
    with door(system, mosquitto) as read:
        if not late:
            publish(system)
        found = read(wanted)

    # Every door adds the topic and changes nothing.
    assert found == {name: json.loads(as_json(Message(name, SAMPLES[name]))) for name in wanted}
    assert {event["type"] for event in found.values()} == {TYPES[name] for name in wanted}
