import socket
from functools import partial
from urllib.parse import urlsplit

from gateway_harness import System, events
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue.events import FaceEmotion, Recommendation
from moodcue_gateway.live import Live


def test_an_event_on_the_bus_reaches_a_client_with_its_type_topic_and_id(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/") as reader:
        sent = source.recommendation("desk")
        [event] = reader.take(1)

    assert event.name == "recommendation.v1"
    assert event.id == sent.id
    assert event.data["topic"] == "recommendation/desk/"
    assert event.data["id"] == sent.id


def test_a_client_that_was_cut_off_gets_what_it_missed_once_and_in_order(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/", "emotion-window/") as reader:
        source.recommendation("desk")
        seen = reader.take(1)
    missed = [source.window("desk").id]
    missed += [source.recommendation(camera).id for camera in ("desk", "sofa", "desk")]
    system.eventually(
        lambda: gateway.parts.live.journal.last == 5, "the gateway has all five events"
    )
    with events(gateway, "recommendation/", "emotion-window/", last_id=seen[0].id) as reader:
        missed.append(source.window("sofa").id)

        assert [event.data["id"] for event in reader.take(5)] == missed


def test_a_client_cut_off_before_its_first_event_misses_nothing(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/") as reader:
        # The id that stands alone at the beginning, before any event.
        assert next(reader.response.iter_lines(), "") == ": connected"
        source.status("camera")
    with events(gateway) as reader:
        source.face()
        reader.take(1)
        resume = reader.last_id
    sent = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: gateway.parts.live.journal.last == 3, "all three are there")
    with events(gateway, "recommendation/", last_id=resume) as reader:
        assert [event.id for event in reader.take(3)] == sent


def test_a_client_resumes_over_a_restart_of_the_gateway(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/") as reader:
        source.recommendation("desk")
        [last] = reader.take(1)
    system.stop_gateway()
    missed = [source.recommendation("desk").id for _ in range(3)]
    gateway = system.start_gateway()
    system.eventually(lambda: gateway.parts.live.journal.last == 4, "the history is filled")
    with events(gateway, "recommendation/", last_id=last.id) as reader:
        assert [event.id for event in reader.take(3)] == missed


def test_a_client_that_asks_for_what_is_no_longer_kept_is_told_so(system: System) -> None:
    gateway = system.start(history_events=10)
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(15)]
    system.eventually(lambda: gateway.parts.live.journal.last == 15, "all are there")
    for last_id in (sent[0], "never-seen"):
        with events(gateway, "recommendation/", last_id=last_id) as reader:
            gap, *kept = reader.take(11)

        assert gap.name == "gap"
        assert [event.id for event in kept] == sent[5:]


def test_a_new_client_gets_the_newest_event_of_each_topic_first(system: System) -> None:
    gateway = system.start()
    source = system.source()
    for _ in range(3):
        newest = [source.recommendation("desk").id, source.recommendation("sofa").id]
    system.eventually(lambda: gateway.parts.live.journal.last == 6, "all six are there")
    with events(gateway, "recommendation/") as reader:
        assert [event.id for event in reader.take(2)] == newest


def test_a_topic_filter_leaves_other_cameras_out(system: System) -> None:
    gateway = system.start()
    source = system.source()
    with events(gateway, "recommendation/cam1/") as reader:
        source.recommendation("cam10")
        wanted = source.recommendation("cam1")

        assert reader.take(1)[0].id == wanted.id


def test_an_unknown_topic_is_refused_with_the_known_ones(system: System) -> None:
    answer = system.start().client.get("/v1/events", params={"topic": "weather/"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "weather" in answer.json()["detail"]
    assert "recommendation" in answer.json()["detail"]


def is_newest(live: Live, event: FaceEmotion) -> bool:
    return live.newest(FaceEmotion) == event


def test_a_client_that_does_not_read_costs_no_queue_and_loses_no_recommendation(
    system: System,
) -> None:
    gateway = system.start()
    source = system.source()
    where = urlsplit(gateway.url)
    with socket.create_connection((where.hostname, where.port)) as deaf:
        # A small window, so that what the kernel takes in for the client is soon full.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET /v1/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        system.eventually(lambda: gateway.parts.live.counters()["streams"] == 1, "it listens")
        [stream] = gateway.parts.live.streams
        rounds = 0
        while not stream.skipped:
            rounds += 1
            assert rounds < 200, "the slow client never fell behind"
            sent_faces = [source.face("desk") for _ in range(50)]
            system.eventually(
                partial(is_newest, gateway.parts.live, sent_faces[-1]), "the readings arrived"
            )
        sent = source.recommendation("desk")
        assert stream.waiting <= len(gateway.parts.live.statuses()) + 1
        system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is in the journal")

        deaf.settimeout(20)
        received = b""
        while sent.id.encode() not in received:
            received = received[-10_000:] + deaf.recv(65_536)
    system.eventually(lambda: gateway.parts.live.counters()["streams"] == 0, "it is gone")
    assert gateway.parts.live.newest(Recommendation) == sent


def test_the_number_of_live_clients_is_limited(system: System) -> None:
    gateway = system.start(max_streams=1)
    with events(gateway, "recommendation/"):
        answer = gateway.client.get("/v1/events")

        assert answer.status_code == 503
        assert "1 places" in answer.json()["detail"]
    system.eventually(lambda: gateway.parts.live.counters()["streams"] == 0, "the place is free")
    with events(gateway, "recommendation/"):
        pass


def test_the_gateway_ends_while_clients_are_listening(system: System) -> None:
    gateway = system.start()
    with events(gateway, "recommendation/") as reader:
        system.stop_gateway()

        assert list(reader) == []
