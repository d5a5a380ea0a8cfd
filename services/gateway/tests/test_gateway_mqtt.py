import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from certificates import make_certificate
from gateway_harness import RunningGateway, Source, System, song
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from mosquitto import Mosquitto, mosquitto_path, mqtt_reader

from moodcue.errors import ProtocolError
from moodcue.events import (
    HoldReason,
    IndexPublished,
    Liking,
    Mode,
    RecommendationRequest,
    ServiceState,
    TasteEntry,
    TasteSubject,
)
from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.mqtt.bridge import wish_of
from moodcue_gateway.mqtt.cursor import Cursor
from moodcue_gateway.mqtt.discovery import discovery

needs_mosquitto = pytest.mark.mqtt

RECOMMENDATION = "moodcue/recommendation/desk"


@pytest.fixture(name="mosquitto")
def mosquitto_fixture(system: System, tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "mosquitto", system.address.port + 7)
    made.start()
    yield made
    made.stop()


def start(system: System, mosquitto: Mosquitto, **settings: Any) -> RunningGateway:
    gateway = system.start(mqtt_host="127.0.0.1", mqtt_port=mosquitto.port, **settings)
    wait_for(system, gateway)
    return gateway


def wait_for(system: System, gateway: RunningGateway) -> None:
    system.eventually(lambda: gateway.parts.impaired() is None, "the gateway has its MQTT broker")


@needs_mosquitto
def test_an_event_is_published_and_a_late_client_gets_the_last_one(
    system: System, mosquitto: Mosquitto
) -> None:
    start(system, mosquitto)
    source = system.source()
    with mqtt_reader(mosquitto.port, "moodcue/recommendation/#") as reader:
        first, second = (source.recommendation("desk").id for _ in range(2))
        system.eventually(lambda: len(reader.messages) == 2, "both came")
        assert [event["id"] for event in reader.events(RECOMMENDATION)] == [first, second]
        assert reader.events(RECOMMENDATION)[0]["type"] == "recommendation.v1"
    with mqtt_reader(mosquitto.port, "moodcue/#") as late:
        system.eventually(lambda: late.events(RECOMMENDATION), "it came")
        assert [event["id"] for event in late.events(RECOMMENDATION)] == [second]
        assert all(retained for *_, retained in late.messages)


@needs_mosquitto
def test_the_availability_follows_the_gateway_also_when_it_ends_without_a_word(
    system: System, mosquitto: Mosquitto
) -> None:
    gateway = start(system, mosquitto)
    with mqtt_reader(mosquitto.port, "moodcue/availability") as reader:
        system.eventually(lambda: reader.payloads("moodcue/availability") == ["online"], "online")
        system.stop_gateway()
        system.eventually(
            lambda: reader.payloads("moodcue/availability") == ["online", "offline"], "offline"
        )
        gateway = system.start_gateway()
        wait_for(system, gateway)
        system.eventually(
            lambda: reader.payloads("moodcue/availability")[2:] == ["online"], "online again"
        )
        # A second client of the same name takes the first one's place: it is cut off.
        name = "moodcue-gateway-test"
        command = ["mosquitto_pub", "-p", str(mosquitto.port), "-i", name, "-t", "x", "-m", "x"]
        subprocess.run(command, check=True, timeout=20)
        system.eventually(
            lambda: reader.payloads("moodcue/availability")[3:] == ["offline", "online"],
            "the will was published, and the gateway came back",
        )


@needs_mosquitto
def test_events_of_an_outage_come_when_the_broker_is_back_and_the_health_tells_meanwhile(
    system: System, mosquitto: Mosquitto
) -> None:
    gateway = start(system, mosquitto)
    source = system.source()
    before = source.recommendation("sofa").id
    with mqtt_reader(mosquitto.port, "moodcue/#") as reader:
        system.eventually(lambda: reader.events("moodcue/recommendation/sofa"), "it came")
    mosquitto.stop()
    system.eventually(gateway.parts.impaired, "the outage is noticed")
    assert f"127.0.0.1:{mosquitto.port} is not there" in (gateway.parts.impaired() or "")

    def own_state() -> str:
        services = gateway.client.get("/v1/status").json()["services"]
        return next((one["state"] for one in services if one["service"] == "gateway"), "")

    system.eventually(lambda: own_state() == "degraded", "the heartbeat tells it")
    missed = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: gateway.parts.live.journal.last == 4, "they happened meanwhile")
    mosquitto.start()
    with mqtt_reader(mosquitto.port, "moodcue/#") as reader:
        wait_for(system, gateway)
        system.eventually(lambda: len(reader.events(RECOMMENDATION)) == 3, "all came")
        system.eventually(lambda: reader.events("moodcue/recommendation/sofa"), "the last value")

        assert [event["id"] for event in reader.events(RECOMMENDATION)] == missed
        # The broker had forgotten it.
        assert reader.events("moodcue/recommendation/sofa")[0]["id"] == before
    system.eventually(lambda: own_state() == "running", "the heartbeat tells that all is well")


@needs_mosquitto
def test_a_restart_publishes_what_was_missed_and_nothing_that_was_published(
    system: System, mosquitto: Mosquitto
) -> None:
    start(system, mosquitto)
    source = system.source()
    with mqtt_reader(mosquitto.port, RECOMMENDATION) as reader:
        old = [source.recommendation("desk").id for _ in range(2)]
        system.eventually(lambda: len(reader.messages) == 2, "both came")
        system.stop_gateway()
        missed = [source.recommendation("desk").id for _ in range(2)]
        gateway = system.start_gateway()
        wait_for(system, gateway)
        system.eventually(lambda: len(reader.messages) >= 4, "the missed ones came")
        last = source.recommendation("desk").id
        system.eventually(lambda: reader.events(RECOMMENDATION)[-1]["id"] == last, "so did that")

        assert [event["id"] for event in reader.events(RECOMMENDATION)] == [*old, *missed, last]


@needs_mosquitto
def test_a_late_client_gets_what_a_room_likes_and_that_it_was_forgotten(
    system: System, mosquitto: Mosquitto
) -> None:
    gateway = start(system, mosquitto)
    topic = "moodcue/taste/desk"
    source = system.source("recommender/one")
    liking = Liking(mean=0.7, low=0.3, high=0.9)
    source.taste("desk", entries=[TasteEntry(subject=TasteSubject.ARTIST, liking=liking)])
    with mqtt_reader(mosquitto.port, topic) as reader:
        system.eventually(lambda: reader.events(topic), "it came")
        assert reader.events(topic)[0]["entries"][0]["liking"]["mean"] == 0.7
        forgotten = source.taste("desk").id
        system.eventually(lambda: reader.events(topic)[-1]["id"] == forgotten, "so did the reset")
    with mqtt_reader(mosquitto.port, topic) as late:
        system.eventually(lambda: late.events(topic), "it came")
        assert [event["id"] for event in late.events(topic)] == [forgotten]

    system.stop_gateway()
    with mqtt_reader(mosquitto.port, "moodcue/#") as reader:
        gateway = system.start_gateway()
        wait_for(system, gateway)
        last = source.recommendation("desk").id
        system.eventually(lambda: last in str(reader.messages), "the gateway is at work again")
        # Retained, so it came at once; a repetition would come without that mark.
        assert [kept for name, _, kept in reader.messages if name == topic] == [True]


@needs_mosquitto
def test_a_heartbeat_comes_when_a_state_changes_and_none_is_left_of_a_process_that_died(
    system: System, mosquitto: Mosquitto
) -> None:
    start(system, mosquitto)
    topic = "moodcue/status/fer/one"
    source = system.source("fer/one")
    with mqtt_reader(mosquitto.port, topic) as reader:
        begun = source.status("fer")
        system.eventually(lambda: reader.events(topic), "the first one came")
        source.status("fer")
        degraded = source.status("fer", state=ServiceState.DEGRADED)
        system.eventually(
            lambda: reader.events(topic)[-1]["id"] == degraded.id, "the other state came"
        )
        later = source.status(
            "fer", state=ServiceState.DEGRADED, time=degraded.time + 60 * NS_PER_SECOND
        )
        system.eventually(lambda: reader.events(topic)[-1]["id"] == later.id, "and the next minute")
        assert [one["id"] for one in reader.events(topic)] == [begun.id, degraded.id, later.id]
    with mqtt_reader(mosquitto.port, "moodcue/#") as late:
        system.eventually(lambda: late.payloads("moodcue/availability"), "what is retained came")
        assert late.events(topic) == []


@needs_mosquitto
def test_home_assistant_finds_a_room_with_its_first_recommendation(
    system: System, mosquitto: Mosquitto
) -> None:
    start(system, mosquitto)
    with mqtt_reader(mosquitto.port, "homeassistant/#") as reader:
        system.source().recommendation("desk")
        system.eventually(lambda: len(reader.messages) == 8, "all entities are announced")

    documents = {topic: json.loads(payload) for topic, payload, _ in reader.messages}
    assert set(documents) == {
        *(
            f"homeassistant/sensor/moodcue_desk/{name}/config"
            for name in ("emotion", "confidence", "valence", "arousal", "top_song", "hold")
        ),
        *(f"homeassistant/select/moodcue_desk/{name}/config" for name in ("mode", "mood")),
    }
    for document in documents.values():
        assert document["availability_topic"] == "moodcue/availability"
        assert document["device"]["identifiers"] == ["moodcue_desk"]


@needs_mosquitto
@pytest.mark.parametrize(
    ("kind", "word", "wish"),
    [("mode", "lift", {"mode": Mode.LIFT}), ("mood", "Calm", {"mood": "calm"})],
)
def test_a_command_becomes_a_request_of_its_room(
    system: System, mosquitto: Mosquitto, kind: str, word: str, wish: dict[str, object]
) -> None:
    gateway = start(system, mosquitto)
    asked: list[RecommendationRequest] = []

    def answer(source: Source, request: RecommendationRequest) -> None:
        asked.append(request)
        source.recommendation(request.camera, request=request.id)

    system.answer_requests(answer)
    with mqtt_reader(mosquitto.port, "moodcue/recommendation/#") as reader:
        reader.client.publish("moodcue/command/desk/mode", "dance", qos=1)
        reader.client.publish(f"moodcue/command/desk/{kind}", word, qos=1)
        system.eventually(lambda: reader.events(RECOMMENDATION), "it was answered")

    [request] = asked
    assert request.camera == "desk"
    assert {name: getattr(request, name) for name in wish} == wish
    metrics = gateway.client.get("/metrics").text
    assert 'moodcue_gateway_mqtt_commands_total{outcome="failed"} 1.0' in metrics


@needs_mosquitto
def test_a_password_is_used_and_a_wrong_one_is_told(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    passwords = folder / "passwords"
    mosquitto_path()
    command = ["mosquitto_passwd", "-c", "-b", str(passwords), "moodcue", "right"]
    subprocess.run(command, check=True, capture_output=True)
    settings = ("allow_anonymous false", f"password_file {passwords}")
    mosquitto = Mosquitto(folder, system.address.port + 7, settings)
    mosquitto.start()
    system.stack.callback(mosquitto.stop)
    fields = {"mqtt_user": "moodcue", "mqtt_port": mosquitto.port}
    gateway = system.start(mqtt_host="127.0.0.1", mqtt_password="wrong", **fields)
    system.eventually(
        lambda: "Not authorized" in (gateway.parts.impaired() or ""), "the refusal is told"
    )
    assert "right" not in str(gateway.parts.settings.masked())
    system.stop_gateway()
    gateway = system.start_gateway(mqtt_password="right")
    wait_for(system, gateway)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_mosquitto
def test_the_connection_is_encrypted_and_the_certificate_checked(
    system: System, tmp_path: Path
) -> None:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    authority, certificate, key = make_certificate(folder, "127.0.0.1")
    settings = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    mosquitto = Mosquitto(folder, system.address.port + 7, settings)
    mosquitto.start()
    system.stack.callback(mosquitto.stop)
    gateway = system.start(mqtt_host="127.0.0.1", mqtt_port=mosquitto.port, mqtt_tls=True)
    system.eventually(
        lambda: "no connection can be made" in (gateway.parts.impaired() or ""),
        "a certificate that nobody vouches for is not taken",
    )
    system.stop_gateway()
    gateway = system.start_gateway(mqtt_ca_file=authority)
    wait_for(system, gateway)


def test_a_gateway_without_its_broker_works_and_ends_at_once(system: System) -> None:
    gateway = system.start(mqtt_host="127.0.0.1", mqtt_port=system.address.port + 8)
    system.eventually(
        lambda: "no connection can be made" in (gateway.parts.impaired() or ""), "it is noticed"
    )
    sent = system.source().recommendation("desk")
    system.eventually(
        lambda: gateway.client.get("/v1/recommendations/latest").json().get("id") == sent.id,
        "the rest works",
    )
    system.stop_gateway()


def test_every_template_reads_its_state_out_of_a_recommendation_and_out_of_a_hold(
    system: System,
) -> None:
    gateway = system.start()
    source = system.source()
    environment = jinja2.Environment(autoescape=True)
    documents = {
        topic.split("/")[3]: json.loads(document)
        for topic, document in discovery("moodcue", "homeassistant", "desk")
    }

    def states(event_id: str) -> dict[str, str]:
        latest = "/v1/recommendations/latest"
        system.eventually(
            lambda: gateway.client.get(latest).json().get("id") == event_id, "it is there"
        )
        value = gateway.client.get(latest).json()
        return {
            name: environment.from_string(document["value_template"]).render(value_json=value)
            for name, document in documents.items()
            if "value_template" in document
        }

    fits = states(source.recommendation("desk", songs=[song(1, "Blue"), song(2)]).id)
    assert fits["emotion"] == "happiness"
    assert fits["confidence"] == "82"
    assert fits["top_song"] == "Blue - Artist 1"
    assert (fits["hold"], fits["mode"]) == ("none", "match")
    held = states(source.recommendation("desk", hold=HoldReason.NOBODY).id)
    assert (held["emotion"], held["hold"], held["top_song"]) == ("none", "nobody", "none")
    # Home Assistant's word for a number that is not known.
    assert (held["valence"], held["arousal"]) == ("None", "None")
    for name in ("emotion", "hold"):
        assert {fits[name], held[name]} <= set(documents[name]["options"])


@pytest.mark.parametrize(
    ("topic", "payload", "detail"),
    [
        ("moodcue/command/desk/mode", b"dance", "known: match, lift"),
        ("moodcue/command/desk/mode", b"\xff" * 1000, "no mode"),
        ("moodcue/command/desk/mood", b" ", "such as calm"),
        ("moodcue/command/de sk/mood", b"calm", "de sk"),
    ],
)
def test_a_command_that_says_nothing_usable_is_refused(
    topic: str, payload: bytes, detail: str
) -> None:
    with pytest.raises(ProtocolError, match=detail):
        wish_of(topic, payload)


def index_published(seq: int, *, source: str = "one", time: int = 1) -> IndexPublished:
    return IndexPublished(
        id=f"{source}{seq}",
        source=source,
        seq=seq,
        time=time,
        trace="",
        generation="g1",
        songs=1,
        model_sha256="",
    )


def test_the_cursor_outlives_the_process_and_a_damaged_file(tmp_path: Path) -> None:
    Cursor(tmp_path / "state").advance("index/", index_published(2, time=5))

    again = Cursor(tmp_path / "state")
    assert again.is_published("index/", index_published(2, time=5))
    assert again.is_published("index/", index_published(1, time=9))
    assert not again.is_published("index/", index_published(3, time=5))
    assert not again.is_published("other/", index_published(1))
    assert again.is_published("index/", index_published(9, source="two", time=4))
    assert not again.is_published("index/", index_published(1, source="two", time=6))
    (tmp_path / "state" / "mqtt.json").write_text("{")
    assert not Cursor(tmp_path / "state").is_published("index/", index_published(1))
