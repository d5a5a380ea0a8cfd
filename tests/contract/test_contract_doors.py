"""Every door gives the same events: what is on the bus, field by field."""

import json
from collections.abc import Callable, Iterator
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
from moodcue.cli import as_json
from moodcue.codec import Message, decode_event
from moodcue.topics import Family, topic

pytestmark = pytest.mark.mqtt

GOLDEN = Path(__file__).resolve().parent / "golden"
TYPES = {
    topic(Family.RECOMMENDATION, "kitchen"): "recommendation.v1",
    topic(Family.EMOTION_WINDOW, "kitchen"): "emotion_window.v1",
}
FAMILIES = ("recommendation/", "emotion-window/")
SAMPLES = {
    name: decode_event((GOLDEN / f"{kind}.msgpack").read_bytes()) for name, kind in TYPES.items()
}

Events = dict[str, dict[str, Any]]
"""By topic, as a door gave them."""


def collect(following: Iterator[dict[str, Any]]) -> Events:
    """Read until an event of each topic came."""
    found: Events = {}
    for event in following:
        if event.get("topic") in TYPES:
            found[event["topic"]] = event
        if len(found) == len(TYPES):
            break
    return found


@contextmanager
def by_zeromq(system: System, _: Mosquitto) -> Iterator[Callable[[], Events]]:
    def read() -> Iterator[dict[str, Any]]:
        while True:
            message = subscription.get_message(20)
            assert message is not None, "nothing came"
            yield json.loads(as_json(message))

    with moodcue.subscribe("", port=system.address.port) as subscription:
        yield lambda: collect(read())


@contextmanager
def by_sse(system: System, _: Mosquitto) -> Iterator[Callable[[], Events]]:
    with events(system.gateway, *FAMILIES) as reader:
        yield lambda: collect(event.data for event in reader)


@contextmanager
def by_websocket(system: System, _: Mosquitto) -> Iterator[Callable[[], Events]]:
    query = "&".join(f"topic={family}" for family in FAMILIES)
    url = f"ws{system.gateway.url.removeprefix('http')}/v1/events/ws?{query}"
    with connect(url) as client:
        yield lambda: collect(json.loads(message) for message in client)


@contextmanager
def by_webhook(system: System, _: Mosquitto) -> Iterator[Callable[[], Events]]:
    with receiver() as server:
        wish = {"url": server.url, "topics": list(FAMILIES)}
        assert system.gateway.client.post("/v1/webhooks", json=wish).status_code == 201

        def read() -> Events:
            system.eventually(lambda: len(server.received) >= len(TYPES), "webhooks came")
            return collect(iter([one.event for one in server.received]))

        yield read


@contextmanager
def by_mqtt(system: System, mosquitto: Mosquitto) -> Iterator[Callable[[], Events]]:
    with mqtt_reader(mosquitto.port, *(f"moodcue/{family}#" for family in FAMILIES)) as reader:

        def read() -> Events:
            system.eventually(lambda: len(reader.messages) >= len(TYPES), "MQTT messages came")
            return collect(json.loads(payload) for _, payload, _ in reader.messages)

        yield read


Door = Callable[[System, Mosquitto], AbstractContextManager[Callable[[], Events]]]
DOORS: tuple[Door, ...] = (by_zeromq, by_sse, by_websocket, by_webhook, by_mqtt)


def publish(system: System) -> None:
    """Put the golden samples on the bus and wait until the gateway has them."""
    source = system.source()
    for name, event in SAMPLES.items():
        source.publisher.send(name, event)
    system.eventually(lambda: system.gateway.parts.live.journal.last == len(SAMPLES), "all there")


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
    if late:
        publish(system)
    with door(system, mosquitto) as read:
        if not late:
            publish(system)
        found = read()

    # Every door adds the topic and changes nothing.
    assert found == {
        name: json.loads(as_json(Message(name, event))) for name, event in SAMPLES.items()
    }
    assert {name: event["type"] for name, event in found.items()} == TYPES
