import ipaddress
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from certificates import make_certificate, server_context
from gateway_harness import RunningGateway, System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from service_process import ServiceProcess
from webhook_receiver import Receiver, receiver

from moodcue.events import ServiceState
from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.webhooks.service import backoff_seconds
from moodcue_gateway.webhooks.signature import signed_headers
from moodcue_gateway.webhooks.store import Delivery, Hook, News, StoreError, WebhookStore
from moodcue_gateway.webhooks.targets import Reach, TargetError, parse_target, reach_needed

QUICK = {"webhook_targets": "local", "webhook_retry_seconds": 0.01}


@pytest.fixture(name="server")
def server_fixture() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def register(gateway: RunningGateway, url: str, *topics: str) -> dict[str, Any]:
    wish = {"url": url} | ({"topics": list(topics)} if topics else {})
    answer = gateway.client.post("/v1/webhooks", json=wish)
    assert answer.status_code == 201, answer.text
    hook: dict[str, Any] = answer.json()
    return hook


def state_of(gateway: RunningGateway, hook: dict[str, Any]) -> dict[str, Any]:
    hooks = gateway.client.get("/v1/webhooks").json()["webhooks"]
    [found] = [one for one in hooks if one["id"] == hook["id"]]
    state: dict[str, Any] = found
    return state


def test_an_event_is_sent_once_signed_with_the_secret_that_was_shown_once(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK)
    hook = register(gateway, f"{server.url}/hook?room=1")
    sent = system.source().recommendation("desk")
    system.eventually(lambda: server.received, "it came")

    [request] = server.received
    assert request.path == "/hook?room=1"
    assert request.event["id"] == request.headers["webhook-id"] == sent.id
    assert request.event["topic"] == "recommendation/desk/"
    assert request.is_signed_with(hook["secret"])
    assert not request.is_signed_with("whsec_" + "A" * 44)
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 0, "it is off the queue")
    assert hook["secret"] not in gateway.client.get("/v1/webhooks").text


def test_the_signature_is_that_of_the_published_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, of its libraries' tests.
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_new_webhook_gets_the_newest_event_of_each_of_its_topics(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK)
    source = system.source()
    for _ in range(2):
        newest = [source.recommendation("desk").id, source.window("desk").id]
    system.eventually(lambda: gateway.parts.live.journal.last == 4, "all four are there")
    register(gateway, server.url, "recommendation/", "emotion-window/desk/")
    after = source.window("desk").id
    source.window("sofa")
    last = source.recommendation("sofa").id
    system.eventually(lambda: last in server.taken(), "all came")

    assert server.taken() == [*newest, after, last]


def test_events_come_in_order_though_attempts_fail(system: System, server: Receiver) -> None:
    gateway = system.start(**QUICK)
    server.status = 500
    hook = register(gateway, server.url)
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: len(server.received) >= 3, "it was tried again")
    assert set(server.taken()) == {sent[0]}
    assert "500" in state_of(gateway, hook)["problem"]
    failed = len(server.received)
    server.status = 200
    system.eventually(lambda: sent[2] in server.taken(), "it recovered")

    assert [event for event in server.taken()[failed:] if event != sent[0]] == sent[1:]
    system.eventually(lambda: state_of(gateway, hook)["problem"] == "", "all is well again")


def test_what_was_accepted_is_sent_after_a_restart_and_nothing_twice(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK, webhook_attempts=100)
    hook = register(gateway, server.url)
    source = system.source()
    taken = source.recommendation("desk").id
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 0 and server.received, "one")
    server.status = 503
    waiting = [source.recommendation("desk").id for _ in range(2)]
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 2, "two wait")
    system.stop_gateway()
    missed = source.recommendation("desk").id
    server.received.clear()
    server.status = 204
    gateway = system.start_gateway()
    system.eventually(lambda: missed in server.taken(), "the one from meanwhile came too")

    assert server.taken() == [*waiting, missed]
    assert taken not in server.taken()
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 0, "all are off the queue")


def test_of_what_a_room_likes_only_the_newest_waits_for_a_server_that_is_down(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK, webhook_attempts=100)
    server.status = 500
    hook = register(gateway, server.url, "recommendation/", "taste/")
    source = system.source()
    first = source.recommendation("desk").id
    system.eventually(lambda: first in server.taken(), "it is tried")
    source.taste("desk")
    other = source.taste("sofa").id
    second = source.recommendation("desk").id
    newest = source.taste("desk").id
    live = gateway.parts.live
    system.eventually(
        lambda: newest in {entry.event.id for entry in live.newest_entries(["taste/"])}, "all came"
    )
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 4, "what was replaced is gone")
    server.received.clear()
    server.status = 204
    system.eventually(lambda: state_of(gateway, hook)["waiting"] == 0, "all went out")

    taken = list(dict.fromkeys(server.taken()))
    assert [one for one in taken if one in {first, second}] == [first, second]
    assert set(taken) == {first, second, other, newest}


def test_a_heartbeat_is_sent_when_a_state_changes_and_otherwise_once_a_minute(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK)
    register(gateway, server.url, "status/fer/")
    source = system.source("fer/one")
    begun = source.status("fer")
    system.eventually(lambda: server.taken() == [begun.id], "the first one came")
    source.status("fer")
    degraded = source.status("fer", state=ServiceState.DEGRADED)
    system.eventually(lambda: server.taken() == [begun.id, degraded.id], "the change came")
    assert server.received[-1].event["state"] == "degraded"
    source.status("fer", state=ServiceState.DEGRADED, time=degraded.time + 59 * NS_PER_SECOND)
    later = source.status(
        "fer", state=ServiceState.DEGRADED, time=degraded.time + 60 * NS_PER_SECOND
    )

    system.eventually(lambda: len(server.taken()) >= 3, "so did that of the next minute")
    assert server.taken() == [begun.id, degraded.id, later.id]


def test_an_event_that_cannot_be_delivered_is_kept_and_sent_again_on_request(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK, webhook_attempts=2)
    server.status = 500
    hook = register(gateway, server.url)
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(3)]
    letters = f"/v1/webhooks/{hook['id']}/dead-letters"
    system.eventually(lambda: state_of(gateway, hook)["dead_letters"] == 3, "all are given up")
    listed = gateway.client.get(letters).json()["dead_letters"]
    assert [one["id"] for one in listed] == sent
    assert listed[0]["problem"] == "the server answered 500"
    assert listed[0]["event"]["camera"] == "desk"
    server.received.clear()
    server.status = 204

    assert gateway.client.post(f"{letters}/resend", json={"ids": [sent[1]]}).json() == {"resent": 1}
    system.eventually(lambda: server.taken() == [sent[1]], "that one came")
    assert gateway.client.post(f"{letters}/resend", json={}).json() == {"resent": 2}
    system.eventually(lambda: server.taken() == [sent[1], sent[0], sent[2]], "the others too")
    system.eventually(lambda: gateway.client.get(letters).json() == {"dead_letters": []}, "none")


def test_a_server_that_hangs_costs_an_attempt_and_slows_no_other(
    system: System, server: Receiver
) -> None:
    gateway = system.start(**QUICK, webhook_timeout_seconds=0.3, webhook_attempts=2)
    with receiver() as hanging:
        hanging.answer.clear()
        slow = register(gateway, hanging.url)
        register(gateway, server.url)
        sent = system.source().recommendation("desk").id
        system.eventually(lambda: server.taken() == [sent], "the other one has it")
        system.eventually(lambda: state_of(gateway, slow)["dead_letters"] == 1, "given up")

        assert hanging.taken() == [sent, sent]
        assert state_of(gateway, slow)["problem"] == "no answer within 0.3 s"


def test_a_redirect_is_not_followed(system: System, server: Receiver) -> None:
    gateway = system.start(**QUICK, webhook_attempts=1)
    server.status = 302
    hook = register(gateway, server.url)
    system.source().recommendation("desk")
    system.eventually(lambda: state_of(gateway, hook)["dead_letters"] == 1, "given up")

    assert [one.path for one in server.received] == ["/"]


def test_a_server_that_is_not_there_is_a_problem_with_words(system: System) -> None:
    gateway = system.start(**QUICK, webhook_attempts=1)
    with receiver() as gone:
        url = gone.url
    hook = register(gateway, url)
    system.source().recommendation("desk")
    system.eventually(lambda: state_of(gateway, hook)["dead_letters"] == 1, "given up")

    assert "ConnectError" in state_of(gateway, hook)["problem"]


@pytest.mark.parametrize(("holder", "is_taken"), [("localhost", True), ("other.example", False)])
def test_a_certificate_is_checked_against_the_name_though_the_address_is_connected_to(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str, *, is_taken: bool
) -> None:
    authority, certificate, key = make_certificate(tmp_path, holder)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with receiver(server_context(certificate, key)) as server:
        gateway = system.start(**QUICK, webhook_attempts=1)
        hook = register(gateway, server.url)
        sent = system.source().recommendation("desk").id
        if is_taken:
            system.eventually(lambda: server.taken() == [sent], "it came")
            assert server.received[0].headers["host"] == server.url.removeprefix("https://")
        else:
            system.eventually(lambda: state_of(gateway, hook)["dead_letters"] == 1, "given up")
            assert not server.received
            assert "certificate" in state_of(gateway, hook)["problem"]


def test_what_was_accepted_is_sent_after_the_process_was_killed(
    system: System, server: Receiver
) -> None:
    system.start_broker()
    port = system.address.port + 8
    environment = {
        "MOODCUE_BUS_PORT": str(system.address.port),
        "MOODCUE_GATEWAY_PORT": str(port),
        "MOODCUE_GATEWAY_STATE_DIR": str(system.folder / "state"),
        "MOODCUE_GATEWAY_WEBHOOK_TARGETS": "local",
    }

    def is_up() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def hooks() -> list[dict[str, Any]]:
        answer: dict[str, list[dict[str, Any]]] = httpx.get(
            f"http://127.0.0.1:{port}/v1/webhooks"
        ).json()
        return answer["webhooks"]

    process = ServiceProcess("moodcue_gateway", "run", environment=environment)
    system.eventually(is_up, "it is up")
    server.status = 500
    httpx.post(f"http://127.0.0.1:{port}/v1/webhooks", json={"url": server.url})
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: hooks()[0]["waiting"] == 3, "all are accepted")
    process.kill()
    # Nothing helps it to remember.
    system.stop_broker()
    server.received.clear()
    server.status = 200
    process = ServiceProcess("moodcue_gateway", "run", environment=environment)
    system.stack.callback(process.kill)

    system.eventually(lambda: server.taken() == sent, "all came, in order")


def test_a_deleted_webhook_gets_nothing_more(system: System, server: Receiver) -> None:
    gateway = system.start(**QUICK)
    hook = register(gateway, server.url)
    other = register(gateway, f"{server.url}/other")

    assert gateway.client.delete(f"/v1/webhooks/{hook['id']}").status_code == 204
    assert gateway.client.delete(f"/v1/webhooks/{hook['id']}").status_code == 404
    system.source().recommendation("desk")
    system.eventually(lambda: server.received, "the other one has it")
    system.eventually(lambda: state_of(gateway, other)["waiting"] == 0, "nothing is on its way")
    assert [one.path for one in server.received] == ["/other"]


@pytest.mark.parametrize(
    ("reach", "url", "detail"),
    [
        ("private", "http://127.0.0.1:9/", "MOODCUE_GATEWAY_WEBHOOK_TARGETS=local"),
        ("private", "http://localhost:9/", "MOODCUE_GATEWAY_WEBHOOK_TARGETS=local"),
        ("private", "http://[::ffff:127.0.0.1]:9/", "MOODCUE_GATEWAY_WEBHOOK_TARGETS=local"),
        ("private", "http://2130706433/", "MOODCUE_GATEWAY_WEBHOOK_TARGETS=local"),
        ("public", "http://192.168.1.5/", "MOODCUE_GATEWAY_WEBHOOK_TARGETS=private"),
        ("local", "http://169.254.169.254/", "no webhook may go there"),
        ("local", "http://0.0.0.0/", "no webhook may go there"),
        ("local", "ftp://192.168.1.5/", "http"),
        ("local", "http://user:word@192.168.1.5/", "leave it out"),
        ("local", "http://no.such.host.invalid/", "is not known"),
    ],
)
def test_a_url_that_leads_where_it_should_not_is_refused_with_the_reason(
    system: System, reach: str, url: str, detail: str
) -> None:
    gateway = system.start_gateway(webhook_targets=reach)

    answer = gateway.client.post("/v1/webhooks", json={"url": url})

    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


def test_a_webhook_that_lost_its_permission_sends_nothing(system: System, server: Receiver) -> None:
    gateway = system.start(**QUICK)
    hook = register(gateway, server.url)
    system.stop_gateway()
    gateway = system.start_gateway(webhook_targets="private", webhook_attempts=1)
    system.source().recommendation("desk")
    system.eventually(lambda: state_of(gateway, hook)["dead_letters"] == 1, "given up")

    assert not server.received
    assert "MOODCUE_GATEWAY_WEBHOOK_TARGETS=local" in state_of(gateway, hook)["problem"]


def test_topics_of_live_readings_and_too_many_webhooks_are_refused(
    system: System, server: Receiver
) -> None:
    gateway = system.start_gateway(**QUICK, max_webhooks=1)
    for topic in ("face-emotion/", "request/", "frame/", "", "recommendation/ x"):
        answer = gateway.client.post("/v1/webhooks", json={"url": server.url, "topics": [topic]})
        assert answer.status_code == 422
    register(gateway, server.url)
    answer = gateway.client.post("/v1/webhooks", json={"url": server.url})

    assert answer.status_code == 503
    assert "MOODCUE_GATEWAY_MAX_WEBHOOKS" in answer.json()["detail"]


def test_a_state_folder_that_cannot_be_used_keeps_only_webhooks_from_working(
    system: System, server: Receiver, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    gateway = system.start_gateway(**QUICK, state_dir=taken)

    answer = gateway.client.post("/v1/webhooks", json={"url": server.url})

    assert answer.status_code == 503
    assert "MOODCUE_GATEWAY_STATE_DIR" in answer.json()["detail"]
    assert gateway.client.get("/v1/recommendations").status_code == 200


HOOK = Hook("one", "http://192.168.1.5/", ("recommendation/",), "whsec_", 1)


def news(number: int, topic: str = "recommendation/desk/") -> News:
    return News(topic, f"event{number}", "{}")


def test_a_full_queue_gives_up_the_oldest_and_dead_letters_are_bounded_and_counted(
    tmp_path: Path,
) -> None:
    store = WebhookStore(tmp_path, queue=3, dead=2, remembered=100)
    store.add(HOOK, known=["event0"], first=[])
    store.accept([news(number) for number in range(7)])
    store.accept([news(number) for number in range(7)])
    store.accept([news(7, "emotion-window/desk/")])

    first = store.next_for("one")
    assert first is not None
    assert first.event == "event4"
    assert [one.event for one in store.dead_letters("one", limit=10)] == ["event2", "event3"]
    counts = store.counts("one")
    assert (counts.waiting, counts.dead, counts.dropped) == (3, 2, 1)
    store.close()


def test_a_state_that_is_on_its_way_while_a_newer_one_comes_is_no_dead_letter(
    tmp_path: Path,
) -> None:
    store = WebhookStore(tmp_path, queue=3, dead=2, remembered=100)
    store.add(replace(HOOK, topics=("taste/",)), known=[], first=[])
    body = '{"topic": "taste/desk/"}'
    store.accept([News("taste/desk/", "old", body, is_state=True)])
    under_way = store.next_for("one")
    assert under_way is not None
    store.accept([News("taste/desk/", "new", body, is_state=True)])

    assert not store.give_up("one", under_way.number, "it is gone")
    waiting = store.next_for("one")
    assert waiting is not None
    assert (waiting.event, store.counts("one").dead) == ("new", 0)
    store.close()


def test_a_file_of_the_store_is_for_its_owner_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    WebhookStore(tmp_path, queue=1, dead=1, remembered=1).close()
    [file] = tmp_path.glob("*.sqlite")
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"no database" * 100)

    with pytest.raises(StoreError, match="move it away"):
        WebhookStore(tmp_path, queue=1, dead=1, remembered=1)


def test_the_wait_doubles_up_to_a_minute_and_half_of_it_is_chance() -> None:
    assert [backoff_seconds(1, attempts, chance=1) for attempts in range(1, 9)] == [
        1,
        2,
        4,
        8,
        16,
        32,
        60,
        60,
    ]
    assert backoff_seconds(1, 3, chance=0) == 2


@pytest.mark.parametrize(
    ("address", "needed"),
    [
        ("127.0.0.1", Reach.LOCAL),
        ("::1", Reach.LOCAL),
        ("10.1.2.3", Reach.PRIVATE),
        ("172.31.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("::ffff:192.168.0.1", Reach.PRIVATE),
        ("1.1.1.1", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("169.254.169.254", None),
        ("fe80::1", None),
        ("224.0.0.1", None),
        ("0.0.0.0", None),  # noqa: S104 - nobody listens
        ("255.255.255.255", None),
    ],
)
def test_every_address_needs_its_reach(address: str, needed: Reach | None) -> None:
    assert reach_needed(ipaddress.ip_address(address)) == needed


def test_a_url_is_sent_to_the_address_that_was_checked_under_its_own_name() -> None:
    target = parse_target("https://hooks.example:8443/a?b=c")

    assert target.at(ipaddress.ip_address("1.1.1.1")) == "https://1.1.1.1:8443/a?b=c"
    assert target.at(ipaddress.ip_address("2606:4700::1")) == "https://[2606:4700::1]:8443/a?b=c"
    assert target.authority == "hooks.example:8443"
    assert parse_target("http://[fd00::1]/").authority == "[fd00::1]"
    assert parse_target("https://hooks.example").path == "/"
    with pytest.raises(TargetError, match="no URL"):
        parse_target("http://[fd00::1/")


def test_a_delivery_names_no_failure_until_it_is_given_up(tmp_path: Path) -> None:
    store = WebhookStore(tmp_path, queue=3, dead=2, remembered=100)
    store.add(HOOK, known=[], first=[news(1)])
    [number] = [one.number for one in [store.next_for("one")] if one]
    assert store.next_for("one") == Delivery(number, "event1", "{}")
    store.give_up("one", number, "it is gone")

    assert store.next_for("one") is None
    assert store.dead_letters("one", limit=1) == [Delivery(number, "event1", "{}", "it is gone")]
    assert store.remove("one")
    assert store.counts("one").dead == 0
    store.close()
