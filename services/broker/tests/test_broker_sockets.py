import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq
from fixtures import BrokerProcess, Context, Eventually
from prometheus_client import CollectorRegistry
from service_process import GRACE_SECONDS, ServiceProcess

import moodcue
from moodcue.bus import FRAME_HWM, MAX_FRAME_BYTES, BusAddress, Port, Publisher, Subscriber, connect
from moodcue.codec import decode_event, encode
from moodcue.control import WorkerBye, WorkerReady
from moodcue.errors import BusError
from moodcue.events import (
    EmotionWindow,
    FaceEmotion,
    Frame,
    FrameStatus,
    HoldReason,
    IndexPublished,
    Status,
)
from moodcue.identity import new_id, new_trace
from moodcue.replay import REPLAY_HWM, replay
from moodcue.security import PLAINTEXT, create_keys, load_keys
from moodcue_broker.dispatch import Dispatcher
from moodcue_broker.history import EventHistory
from moodcue_broker.metrics import BrokerMetrics
from moodcue_broker.service import Broker
from moodcue_broker.sockets import bound_sockets


@pytest.fixture
def publisher(context: Context, address: BusAddress, broker: BrokerProcess) -> Publisher:
    assert broker.process is not None
    made = Publisher(context, address, source="test/1")
    assert made.wait_until_connected(10)
    return made


@pytest.fixture
def camera(context: Context, address: BusAddress, broker: BrokerProcess) -> Publisher:
    assert broker.process is not None
    made = Publisher(context, address, source="camera/1", port=Port.FRAMES_IN, hwm=FRAME_HWM)
    assert made.wait_until_connected(10)
    return made


def window(publisher: Publisher, camera: str = "kitchen") -> EmotionWindow:
    topic = f"emotion-window/{camera}/"
    event = EmotionWindow(
        id=new_id(),
        source=publisher.source,
        seq=publisher.next_seq(topic),
        time=15,
        trace=new_trace(),
        camera=camera,
        start=0,
        end=15,
        frames_expected=75,
        frames_seen=0,
        frames_with_face=0,
        coverage=0,
        confidence=0,
        hold=HoldReason.NOBODY,
    )
    publisher.send(topic, event)
    return event


SHORT_WINDOW = EmotionWindow(
    id="w",
    source="test/1",
    seq=1,
    time=15,
    trace="",
    camera="kitchen",
    start=0,
    end=15,
    frames_expected=0,
    frames_seen=0,
    frames_with_face=0,
    coverage=0,
    confidence=0,
    hold=HoldReason.NOBODY,
)


def send_frame(camera: Publisher, name: str, *, surely: bool = True) -> Frame:
    topic = f"frame/{name}/"
    event = Frame(
        id=new_id(),
        source=camera.source,
        seq=camera.next_seq(topic),
        time=time.time_ns(),
        trace=new_trace(),
        camera=name,
        width=1,
        height=1,
        rate=5,
    )
    sent = camera.send(topic, event, b"\xff\xd8 a picture")
    assert sent or not surely
    return event


class Worker:
    """A worker as the protocol describes it."""

    def __init__(self, context: Context, address: BusAddress, name: str) -> None:
        self.name = name
        self.socket = connect(context, zmq.DEALER, address, Port.WORKERS, max_bytes=MAX_FRAME_BYTES)

    def ask(self, done: str = "") -> None:
        self.socket.send(encode(WorkerReady(worker=self.name, done=done)))

    def take(self, timeout_seconds: float = 10) -> str:
        assert self.socket.poll(int(timeout_seconds * 1000)), f"{self.name} got no frame"
        _, header, body = self.socket.recv_multipart()
        assert body == b"\xff\xd8 a picture"
        return decode_event(header).id

    def idle(self) -> bool:
        return not self.socket.poll(200)


@pytest.fixture
def workers(context: Context, address: BusAddress) -> Iterator[list[Worker]]:
    made = [Worker(context, address, f"fer/{n}") for n in range(2)]
    yield made
    for worker in made:
        worker.socket.close(linger=0)


def counters(context: Context, address: BusAddress) -> dict[str, float]:
    with Subscriber(context, address, topics=["status/broker/"]) as subscriber:
        message = subscriber.receive(10)
        assert message is not None
        assert isinstance(message.event, Status)
        return message.event.counters


def test_an_event_reaches_every_subscriber_of_its_topic_and_no_other(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    both = [Subscriber(context, address, topics=["emotion-window/kitchen/"]) for _ in range(2)]
    other = Subscriber(context, address, topics=["emotion-window/kitchen-2/"])
    sent = [window(publisher).id for _ in range(100)]

    for subscriber in both:
        received = []
        while sent[-1] not in received:
            message = subscriber.receive(10)
            assert message is not None
            received.append(message.event.id)
        assert received == sent[-len(received) :]
    assert other.receive(0.2) is None


def test_a_newcomer_takes_no_event_away_from_the_others(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    steady = Subscriber(context, address, topics=["emotion-window/kitchen/"])
    first = window(publisher)
    message = steady.receive(10)
    assert message is not None
    assert message.event.id == first.id
    sent, received = [], []
    for _ in range(30):
        # Some of these subscribe to what has no last value, and leave at once.
        Subscriber(context, address, topics=["emotion-window/hall/", "request/"]).close()
        sent.append(window(publisher).id)
        message = steady.receive(10)
        assert message is not None
        received.append(message.event.id)

    assert received == sent


def test_a_late_joiner_gets_the_last_value_and_those_who_have_it_do_not(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    early = Subscriber(context, address, topics=["emotion-window/"])
    sent = window(publisher)
    first = early.receive(10)
    late = Subscriber(context, address, topics=["emotion-window/"])

    message = late.receive(10)

    assert first is not None
    assert message is not None
    assert message.event == first.event == sent
    assert early.receive(0.2) is None


def test_a_late_joiner_gets_the_last_value_of_every_topic_that_it_subscribes_to(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    for name in ("kitchen", "hall", "attic"):
        window(publisher, name)
    replayed: list[str] = []
    while len(replayed) < 3:
        replayed = [m.topic for m in replay(context, address, topic="emotion-window/")[0]]

    late = Subscriber(context, address, topics=["emotion-window/"])

    got = {m.topic for _ in range(3) if (m := late.receive(10))}
    assert got == {f"emotion-window/{name}/" for name in ("kitchen", "hall", "attic")}


def test_a_history_beyond_the_queue_to_a_peer_is_replayed_with_its_newest_events(
    context: Context, address: BusAddress
) -> None:
    history = EventHistory(history_events=10_000, max_topics=10, max_bytes=1 << 30)
    kept = encode(SHORT_WINDOW)
    for number in range(REPLAY_HWM + 100):
        name = f"emotion-window/camera-{number % 3}/"
        history.add(name, event_id=str(number), seq=number, frames=[name.encode(), kept])
    dispatcher = Dispatcher(max_frame_age_seconds=1, worker_timeout_seconds=5, max_cameras=1)
    metrics = BrokerMetrics(CollectorRegistry())
    with ThreadPoolExecutor(1) as threads, bound_sockets(context, address) as sockets:
        broker = Broker(sockets=sockets, history=history, dispatcher=dispatcher, metrics=metrics)
        asked = threads.submit(
            replay, context, address, topic="emotion-window/", timeout_seconds=30
        )
        while not asked.done():
            broker.turn(10)
    messages, complete = asked.result()

    assert len(messages) == REPLAY_HWM - 1
    assert messages[-1].topic == f"emotion-window/camera-{(REPLAY_HWM + 99) % 3}/"
    assert not complete


def test_history_is_replayed_by_sequence_number(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    sent = [window(publisher).id for _ in range(5)]
    subscriber = Subscriber(context, address, topics=["emotion-window/"])
    received = ""
    while received != sent[-1]:
        message = subscriber.receive(10)
        assert message is not None
        received = message.event.id

    messages, complete = replay(context, address, topic="emotion-window/kitchen/", after_seq=3)

    assert [m.event.id for m in messages] == sent[3:]
    assert complete


def test_each_frame_goes_to_one_worker_only(camera: Publisher, workers: list[Worker]) -> None:
    for worker in workers:
        worker.ask()
    sent, taken = [], []
    for number in range(20):
        worker = workers[number % 2]
        sent.append(send_frame(camera, f"cam{number % 2}").id)
        poller = zmq.Poller()
        for each in workers:
            poller.register(each.socket, zmq.POLLIN)
        [(socket, _)] = poller.poll(10_000)
        worker = next(w for w in workers if w.socket is socket)
        taken.append(worker.take())
        worker.ask(done=taken[-1])

    assert taken == sent


def test_without_a_worker_the_newest_frame_wins_and_the_others_are_counted(
    context: Context,
    address: BusAddress,
    camera: Publisher,
    workers: list[Worker],
    eventually: Eventually,
) -> None:
    def wait_for(counter: str, value: int) -> None:
        eventually(
            lambda: counters(context, address).get(counter) == value, f"{counter} is {value}"
        )

    newest = ""
    for number in range(1, 4):
        newest = send_frame(camera, "kitchen").id
        wait_for("frames_received", number)
    workers[0].ask()

    assert workers[0].take() == newest
    assert workers[0].idle()
    wait_for("frames_dropped_replaced", 2)


def test_a_frame_that_waited_too_long_is_never_handed_out(
    context: Context,
    address: BusAddress,
    camera: Publisher,
    workers: list[Worker],
    eventually: Eventually,
) -> None:
    send_frame(camera, "kitchen")
    eventually(
        lambda: counters(context, address).get("frames_received"), "the broker has the frame"
    )
    asked = time.monotonic() + 2.5
    while time.monotonic() < asked:
        counters(context, address)
    workers[0].ask()
    young = send_frame(camera, "hall")

    assert workers[0].take() == young.id
    eventually(
        lambda: counters(context, address).get("frames_dropped_too_old"), "the old one is counted"
    )


def test_a_worker_that_is_killed_costs_no_frame_but_its_own(
    camera: Publisher, workers: list[Worker]
) -> None:
    dead, alive = workers
    dead.ask()
    send_frame(camera, "kitchen")
    dead.take()
    dead.socket.close(linger=0)
    alive.ask()

    later = send_frame(camera, "kitchen")

    assert alive.take() == later.id


def test_a_worker_that_says_bye_costs_no_frame(camera: Publisher, workers: list[Worker]) -> None:
    leaving, staying = workers
    leaving.ask()
    leaving.socket.send(encode(WorkerBye(worker=leaving.name)))
    staying.ask()
    sent = send_frame(camera, "kitchen")

    assert staying.take() == sent.id


def test_workers_go_on_after_a_restart_of_the_broker(
    camera: Publisher, workers: list[Worker], broker: BrokerProcess
) -> None:
    worker = workers[0]
    worker.ask()
    send_frame(camera, "kitchen")
    done = worker.take()
    assert broker.stop() == 0
    broker.start()

    got = ""
    for _ in range(50):
        worker.ask(done)
        # Until the camera has found the broker again, its short queue may be full.
        send_frame(camera, "kitchen", surely=False)
        if worker.socket.poll(200):
            got = worker.take()
            break

    assert got != done
    assert got


def test_rubbish_is_counted_and_harms_nobody(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    subscriber = Subscriber(context, address, topics=["emotion-window/", "index/"])
    raw = connect(context, zmq.PUB, address, Port.EVENTS_IN)
    worker = connect(context, zmq.DEALER, address, Port.WORKERS)
    index = IndexPublished(
        id="i", source="t/1", seq=1, time=0, trace="", generation="g", songs=1, model_sha256=""
    )
    rejected = 0.0
    while rejected < 4:
        raw.send_multipart([b"emotion-window/kitchen/", b"\x00rubbish"])
        raw.send_multipart([b"no-such-family/", encode(index)])
        raw.send_multipart([b"\xff\xfe", b"", b"", b"", b""])
        worker.send_multipart([b"", b"\xc1"])
        rejected = counters(context, address).get("messages_rejected", 0)

    sent = window(publisher)

    message = subscriber.receive(10)
    assert message is not None
    assert message.event.id == sent.id


def test_a_picture_on_the_event_socket_is_not_forwarded(
    context: Context, address: BusAddress, publisher: Publisher
) -> None:
    subscriber = Subscriber(context, address, topics=["frame/", "face-emotion/"])
    topic = "face-emotion/kitchen/"
    event = FaceEmotion(
        id="f",
        source="fer/1",
        seq=1,
        time=0,
        trace="",
        camera="kitchen",
        frame_id="x",
        frame_seq=1,
        rate=5,
        width=1,
        height=1,
        status=FrameStatus.NO_FACE,
    )
    received = []
    for _ in range(50):
        publisher.send(topic, event, b"\xff\xd8 a picture")
        publisher.send(topic, event)
        received += [message.body] if (message := subscriber.receive(0.1)) else []

    assert received
    assert set(received) == {b""}


def start(port: int, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "moodcue_broker", "run"],
        env={**os.environ, "MOODCUE_BUS_PORT": str(port), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_taken_port_is_one_clear_line(address: BusAddress, broker: BrokerProcess) -> None:
    assert broker.process is not None
    result = start(address.port)

    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert f"port {address.port} is taken" in line


def test_listening_beyond_this_machine_needs_keys_or_a_word(address: BusAddress) -> None:
    result = start(address.port, MOODCUE_BROKER_BIND_HOST="0.0.0.0")  # noqa: S104 - refused

    assert result.returncode == 1
    assert "MOODCUE_CURVE_DIR" in result.stderr


def test_a_mistyped_setting_is_refused_with_the_right_name(address: BusAddress) -> None:
    result = start(address.port, MOODCUE_BROKER_HISTORY_EVENT="5")

    assert result.returncode == 1
    assert "did you mean MOODCUE_BROKER_HISTORY_EVENTS?" in result.stderr


def test_with_keys_only_those_on_the_list_are_let_in(
    context: Context, address: BusAddress, broker: BrokerProcess, tmp_path: Path
) -> None:
    create_keys(tmp_path / "ours")
    create_keys(tmp_path / "strangers")
    (tmp_path / "strangers" / "broker.key").write_bytes(
        (tmp_path / "ours" / "broker.key").read_bytes()
    )
    assert broker.stop() == 0
    broker.environment["MOODCUE_CURVE_DIR"] = str(tmp_path / "ours")
    known = BusAddress(address.host, address.port, load_keys(tmp_path / "ours"))
    stranger = BusAddress(address.host, address.port, load_keys(tmp_path / "strangers"))
    broker.address = known
    broker.start()
    ours = Subscriber(context, known, topics=["status/"])
    theirs = Subscriber(context, stranger, topics=["status/"])
    nobodys = Subscriber(context, address, topics=["status/"])

    assert ours.receive(10) is not None
    assert theirs.receive(1.5) is None
    assert nobodys.receive(0.1) is None


@pytest.mark.parametrize("encrypted", [True, False])
def test_the_log_says_whether_the_bus_is_encrypted(
    address: BusAddress, tmp_path: Path, eventually: Eventually, *, encrypted: bool
) -> None:
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.mkdir()
    if encrypted:
        create_keys(keys)
    else:
        (keys / PLAINTEXT).touch()
    variables = {"MOODCUE_BUS_PORT": str(address.port), "MOODCUE_CURVE_DIR": str(keys)}
    process = ServiceProcess("moodcue_broker", "run", environment=variables, errors=log)
    try:
        said = f'"encrypted": {str(encrypted).lower()}'
        eventually(lambda: said in log.read_text(), "it says so")
    finally:
        process.kill()


def test_who_is_refused_for_the_keys_is_told_so(
    address: BusAddress, broker: BrokerProcess, tmp_path: Path
) -> None:
    create_keys(tmp_path / "ours")
    create_keys(tmp_path / "strangers")
    (tmp_path / "strangers" / "broker.key").write_bytes(
        (tmp_path / "ours" / "broker.key").read_bytes()
    )

    def refusal(curve_dir: Path | None) -> str:
        with (
            moodcue.subscribe("status/", port=address.port, curve_dir=curve_dir) as subscription,
            pytest.raises(BusError) as caught,
        ):
            subscription.get(20)
        return str(caught.value)

    assert "only one of the broker and this has keys" in refusal(tmp_path / "ours")
    assert broker.stop() == 0
    broker.environment["MOODCUE_CURVE_DIR"] = str(tmp_path / "ours")
    broker.address = BusAddress(address.host, address.port, load_keys(tmp_path / "ours"))
    broker.start()
    assert "only one of the broker and this has keys" in refusal(None)
    assert "does not let our key in" in refusal(tmp_path / "strangers")


def test_who_is_refused_for_the_keys_is_told_so_while_iterating(
    address: BusAddress, broker: BrokerProcess, tmp_path: Path
) -> None:
    assert broker.process is not None
    create_keys(tmp_path)

    async def iterate() -> None:
        with moodcue.subscribe("status/", port=address.port, curve_dir=tmp_path) as subscription:
            async with asyncio.timeout(20):
                await anext(subscription)

    with pytest.raises(BusError, match="only one of the broker and this has keys"):
        asyncio.run(iterate())


def test_sigterm_ends_the_broker_in_time_with_exit_code_0(broker: BrokerProcess) -> None:
    before = time.monotonic()

    assert broker.stop() == 0
    assert time.monotonic() - before < GRACE_SECONDS
