import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from gateway_harness import RunningGateway, System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from moodcue.events import FaceEmotion
from moodcue_gateway.live import Live


def address_of(gateway: RunningGateway, *topics: str, after: str | None = None) -> str:
    fields = [("topic", topic) for topic in topics] + ([("after", after)] if after else [])
    return f"ws{gateway.url.removeprefix('http')}/v1/events/ws?{urlencode(fields)}"


@contextmanager
def events(
    gateway: RunningGateway, *topics: str, after: str | None = None
) -> Iterator[ClientConnection]:
    """Follow the live events with a client of its own, past the greeting."""
    with connect(address_of(gateway, *topics, after=after), ping_interval=None) as client:
        assert read(client)["type"] == "connected"
        yield client


def read(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(client.recv(timeout=20))
    return message


def ids(client: ClientConnection, count: int) -> list[str]:
    return [read(client)["id"] for _ in range(count)]


def test_an_event_on_the_bus_reaches_a_client_with_its_type_and_topic(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/") as client:
        sent = source.recommendation("desk")
        event = read(client)

    assert event["type"] == "recommendation.v1"
    assert event["topic"] == "recommendation/desk/"
    assert event["id"] == sent.id


def test_a_late_client_gets_the_newest_event_of_each_topic_it_asked_for(system: System) -> None:
    gateway = system.start()
    source = system.source()
    source.recommendation("cam10")
    for _ in range(2):
        newest = [source.recommendation("cam1").id, source.window("cam1").id]
    system.eventually(lambda: gateway.parts.live.journal.last == 5, "all five are there")
    with events(gateway, "recommendation/cam1/", "emotion-window/") as client:
        assert ids(client, 2) == newest


def test_a_client_that_was_cut_off_gets_what_it_missed_once_and_in_order(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/", "emotion-window/") as client:
        source.recommendation("desk")
        [last] = ids(client, 1)
    missed = [source.window("desk").id]
    missed += [source.recommendation(camera).id for camera in ("desk", "sofa", "desk")]
    system.eventually(lambda: gateway.parts.live.journal.last == 5, "all five are there")
    with events(gateway, "recommendation/", "emotion-window/", after=last) as client:
        missed.append(source.window("sofa").id)

        assert ids(client, 5) == missed


def test_the_greeting_says_where_to_resume_before_any_event(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with connect(address_of(gateway, "recommendation/")) as client:
        after = read(client)["after"]
    sent = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: gateway.parts.live.journal.last == 3, "all three are there")
    with events(gateway, "recommendation/", after=after) as client:
        assert ids(client, 3) == sent


def test_a_client_that_asks_for_what_is_no_longer_kept_is_told_how_much_it_lost(
    system: System,
) -> None:
    gateway = system.start(history_events=10)
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(15)]
    system.eventually(lambda: gateway.parts.live.journal.last == 15, "all are there")
    with events(gateway, "recommendation/", after="never-seen") as client:
        assert read(client) == {
            "type": "gap",
            "detail": "some windows or recommendations are no longer kept and were skipped",
            "lost": None,
        }
        assert ids(client, 10) == sent[5:]


def is_newest(live: Live, event: FaceEmotion) -> bool:
    return live.newest(FaceEmotion) == event


def test_a_client_that_does_not_read_is_told_what_it_lost_and_slows_no_other(
    system: System,
) -> None:
    # It answers no pings either, which is not what this is about.
    gateway = system.start(history_events=10, websocket_ping_seconds=600)
    live = gateway.parts.live
    source = system.source()
    where = urlsplit(gateway.url)
    tight = socket.create_connection((where.hostname, where.port))
    # A small window, so that what the kernel takes in for the client is soon full.
    tight.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    with connect(
        address_of(gateway, "face-emotion/", "recommendation/"),
        sock=tight,
        max_queue=1,
        ping_interval=None,
    ) as deaf:
        assert read(deaf)["type"] == "connected"
        system.eventually(lambda: live.counters()["streams"] == 1, "it listens")
        [stream] = live.streams
        rounds, skipped = 0, -1
        # Blocked it is when not even the last reading of the round before was taken.
        while stream.skipped - skipped != 5:
            rounds += 1
            assert rounds < 200, "the slow client never fell behind"
            skipped = stream.skipped
            faces = [source.face("desk", people=200) for _ in range(5)]
            system.eventually(partial(is_newest, live, faces[-1]), "the readings arrived")
        with events(gateway, "recommendation/") as quick:
            sent = []
            for _ in range(15):
                sent.append(source.recommendation("desk").id)
                assert ids(quick, 1) == sent[-1:]
        received = [read(deaf)]
        while received[-1].get("id") != sent[-1]:
            received.append(read(deaf))
        journal = [one for one in received if one["type"] in ("recommendation.v1", "gap")]
        assert journal[0]["lost"] == 5
        assert [one["id"] for one in journal[1:]] == sent[5:]


def test_a_client_may_ping_and_one_that_answers_no_ping_is_let_go(system: System) -> None:
    gateway = system.start(websocket_ping_seconds=0.2)
    with events(gateway, "recommendation/") as client:
        assert client.ping().wait(20)
    where = urlsplit(gateway.url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as mute:
        head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        path = "/v1/events/ws?topic=recommendation/"
        mute.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n{head}{key}\r\n".encode())
        received = b""
        while chunk := mute.recv(65_536):
            received += chunk
    assert b"101 Switching Protocols" in received
    assert b"keepalive ping timeout" in received


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_cannot_follow_the_events(system: System, origin: str) -> None:
    gateway = system.start_gateway()
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address_of(gateway), additional_headers={"Origin": origin}),
    ):
        pass
    assert refused.value.response.status_code == 403
    own = gateway.url
    with connect(address_of(gateway), additional_headers={"Origin": own}) as client:
        assert read(client)["type"] == "connected"


def test_a_host_name_that_somebody_points_here_is_refused(system: System) -> None:
    gateway = system.start_gateway()
    headers = {
        "Host": "evil.example",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    answer = httpx.get(f"{gateway.url}/v1/events/ws", headers=headers)

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "detail"),
    [("topic=weather/", "recommendation"), ("after=" + "x" * 201, "200 characters")],
)
def test_a_wrong_wish_is_refused_with_a_problem(system: System, query: str, detail: str) -> None:
    gateway = system.start_gateway()
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws{gateway.url.removeprefix('http')}/v1/events/ws?{query}"),
    ):
        pass
    assert refused.value.response.status_code == 422
    assert detail in json.loads(refused.value.response.body)["detail"]


def test_the_number_of_clients_is_limited_over_both_kinds_of_streams(system: System) -> None:
    gateway = system.start(max_streams=1)
    with events(gateway, "recommendation/"):
        with pytest.raises(InvalidStatus) as refused, connect(address_of(gateway)):
            pass
        assert refused.value.response.status_code == 503
        assert gateway.client.get("/v1/events").status_code == 503
    system.eventually(lambda: gateway.parts.live.counters()["streams"] == 0, "the place is free")
    with events(gateway, "recommendation/"):
        pass


def test_a_client_that_says_something_is_told_where_to_say_it(system: System) -> None:
    gateway = system.start()
    with events(gateway, "recommendation/") as client:
        client.send("calm")
        with pytest.raises(ConnectionClosedError, match="POST /v1/recommend"):
            client.recv(timeout=20)


def test_the_gateway_ends_while_clients_are_listening(system: System) -> None:
    gateway = system.start()
    with events(gateway, "recommendation/") as client:
        system.stop_gateway()
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
