import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from fixtures import DEADLINE_SECONDS, BrokerProcess, Context, Eventually
from prometheus_client import CollectorRegistry
from service_process import GRACE_SECONDS, ServiceProcess

from moodcue.bus import BusAddress, Port, Publisher, Subscriber
from moodcue.events import (
    EmotionWindow,
    Face,
    FaceEmotion,
    FrameStatus,
    HoldReason,
    RecommendationRequest,
    Status,
)
from moodcue.identity import NS_PER_SECOND, system_clock
from moodcue.replay import replay
from moodcue.settings import load_settings
from moodcue_aggregator.service import Aggregator
from moodcue_aggregator.settings import AggregatorSettings

S = NS_PER_SECOND
TOPIC = "face-emotion/kitchen/"
PROBABILITIES = (0.02, 0.02, 0.02, 0.88, 0.02, 0.02, 0.02)


@dataclass
class AggregatorProcess:
    """A real aggregator with windows of 2 s, which a test may stop and start again."""

    address: BusAddress
    log: Path
    process: ServiceProcess | None = None

    def start(self, **environment: str) -> None:
        variables = {
            "MOODCUE_BUS_PORT": str(self.address.port),
            "MOODCUE_INSTANCE": "one",
            "MOODCUE_AGGREGATOR_WINDOW_SECONDS": "2",
            "MOODCUE_AGGREGATOR_IDLE_GRACE_SECONDS": "60",
            **environment,
        }
        self.log.write_bytes(b"")
        self.process = ServiceProcess(
            "moodcue_aggregator", "run", environment=variables, errors=self.log
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        code = self.process.stop(number)
        self.process = None
        return code

    def logged(self, words: str) -> bool:
        return words in self.log.read_text()

    def page(self, path: str) -> tuple[int, str]:
        port = re.search(r'"health": (\d+)', self.log.read_text())
        assert port is not None
        url = f"http://127.0.0.1:{port[1]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def aggregator(address: BusAddress, tmp_path: Path) -> Iterator[AggregatorProcess]:
    process = AggregatorProcess(address, tmp_path / "log")
    yield process
    if process.process is not None:
        process.stop(signal.SIGKILL)


@pytest.fixture
def worker(context: Context, address: BusAddress, broker: BrokerProcess) -> Publisher:
    assert broker is not None
    made = Publisher(context, address, source="fer/1")
    assert made.wait_until_connected(10)
    return made


def send_frames(worker: Publisher, frames: range, *, skipped: int = 0) -> None:
    """Send the faces of frames, five a second of capture time, as fast as they go."""
    for _ in range(skipped):
        worker.next_seq(TOPIC)
    for number in frames:
        event = FaceEmotion(
            id=f"answer-{number}",
            source=worker.source,
            seq=worker.next_seq(TOPIC),
            time=1_790_000_000 * S + number * S // 5,
            trace=f"{number:032x}",
            camera="kitchen",
            frame_id=f"frame-{number}",
            frame_seq=number + 1,
            rate=5,
            width=640,
            height=480,
            status=FrameStatus.OK,
            faces=(Face(box=(100 + number, 90, 80, 80), score=0.9, probabilities=PROBABILITIES),),
        )
        assert worker.send(TOPIC, event)


def kept_windows(context: Context, address: BusAddress) -> list[EmotionWindow]:
    messages, _ = replay(context, address, topic="emotion-window/")
    return [m.event for m in messages if isinstance(m.event, EmotionWindow)]


def spans(windows: list[EmotionWindow]) -> list[tuple[int, int, int, int]]:
    """Sequence number, begin and end in seconds since the first, frames seen."""
    first = windows[0].start if windows else 0
    return [(w.seq, (w.start - first) // S, (w.end - first) // S, w.frames_seen) for w in windows]


def test_frames_become_windows_on_the_bus(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(36))
    eventually(lambda: len(kept_windows(context, address)) == 3, "three windows")
    windows = kept_windows(context, address)
    assert spans(windows) == [(1, 0, 2, 10), (2, 2, 4, 10), (3, 4, 6, 10)]
    assert windows[0].source.startswith("aggregator/one-")
    assert windows[0].probabilities == pytest.approx(PROBABILITIES)
    assert [track.track for w in windows for track in w.tracks] == [1, 1, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_in_mid_window_loses_no_window_and_emits_none_twice(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
    number: signal.Signals,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(28))
    eventually(lambda: len(kept_windows(context, address)) == 2, "two windows")
    aggregator.stop(number)
    send_frames(worker, range(28, 41))
    aggregator.start()
    eventually(lambda: len(kept_windows(context, address)) == 3, "the window that fell due")
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works again")
    send_frames(worker, range(41, 56))
    eventually(lambda: len(kept_windows(context, address)) == 5, "two windows more")
    windows = kept_windows(context, address)
    assert spans(windows) == [(i + 1, 2 * i, 2 * i + 2, 10) for i in range(5)]
    assert [track.track for w in windows for track in w.tracks] == [1] * 5


def test_an_aggregator_without_a_broker_waits_and_can_be_stopped(
    aggregator: AggregatorProcess, eventually: Eventually
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("broker.awaited"), "it says that it waits")
    status, text = aggregator.page("/readyz")
    assert (status, text) == (503, "there is no connection to the broker\n")
    assert aggregator.page("/healthz")[0] == 200
    started = time.monotonic()
    assert aggregator.stop() == 0
    assert time.monotonic() - started < GRACE_SECONDS


def test_an_aggregator_that_starts_before_the_broker_works_once_it_is_there(
    context: Context, address: BusAddress, aggregator: AggregatorProcess, eventually: Eventually
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("broker.awaited"), "it says that it waits")
    variables = {"MOODCUE_BUS_PORT": str(address.port)}
    late_broker = ServiceProcess("moodcue_broker", "run", environment=variables)
    try:
        with Publisher(context, address, source="fer/1") as worker:
            assert worker.wait_until_connected(DEADLINE_SECONDS)
            eventually(lambda: aggregator.logged("history.restored"), "it works")
            send_frames(worker, range(16))
            eventually(lambda: len(kept_windows(context, address)) == 1, "a window")
    finally:
        late_broker.stop()


def test_a_broker_that_never_comes_ends_the_wait_with_one_clear_line(
    address: BusAddress, aggregator: AggregatorProcess
) -> None:
    aggregator.start(MOODCUE_AGGREGATOR_BROKER_WAIT_SECONDS="1")
    assert aggregator.process is not None
    assert aggregator.process.wait(DEADLINE_SECONDS) == 1
    last = aggregator.log.read_text().splitlines()[-1]
    assert last.startswith(
        f"moodcue-aggregator: no broker at 127.0.0.1:{address.port} within 1 s; is it running"
    )


def test_a_broker_that_restarts_is_found_again(
    context: Context,
    address: BusAddress,
    broker: BrokerProcess,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(16))
    eventually(lambda: len(kept_windows(context, address)) == 1, "a window")
    broker.stop(signal.SIGKILL)
    eventually(lambda: aggregator.page("/readyz")[0] == 503, "the loss is noticed")
    broker.start()
    eventually(lambda: aggregator.page("/readyz")[0] == 200, "the connection is back")
    received: list[int] = []

    def windows_again() -> bool:
        # The worker's own connection comes back in its own time.
        number = 16 + len(received)
        received.append(number)
        send_frames(worker, range(number, number + 1))
        return len(kept_windows(context, address)) > 0

    eventually(windows_again, "windows again")
    assert kept_windows(context, address)[0].seq > 1


def test_bad_messages_and_losses_are_counted_and_the_run_goes_on(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(5))
    foreign = FaceEmotion(
        id="foreign",
        source=worker.source,
        seq=worker.next_seq(TOPIC),
        time=0,
        trace="",
        camera="kitchen",
        frame_id="foreign",
        frame_seq=1,
        rate=5,
        width=640,
        height=480,
        status=FrameStatus.NO_FACE,
        labels="basic-8",
    )
    worker.send(TOPIC, foreign)
    send_frames(worker, range(5, 20), skipped=3)
    eventually(lambda: len(kept_windows(context, address)) == 1, "a window")
    metrics = aggregator.page("/metrics")[1]
    assert "moodcue_aggregator_bad_messages_total 1.0" in metrics
    assert "moodcue_aggregator_lost_total 3.0" in metrics
    assert 'moodcue_windows_total{camera="kitchen",hold="none"} 1.0' in metrics
    assert 'moodcue_window_coverage_ratio{camera="kitchen"} 1.0' in metrics
    assert "moodcue_window_delay_seconds_count 1.0" in metrics
    assert 'moodcue_window_emitted_timestamp_seconds{camera="kitchen"}' in metrics
    assert "moodcue_window_length_seconds" in metrics
    assert aggregator.logged("label set 'basic-8' is unknown here")


def test_a_message_that_cannot_be_decoded_is_counted_and_the_next_one_taken(
    context: Context, address: BusAddress, eventually: Eventually
) -> None:
    settings = load_settings(AggregatorSettings, {})
    registry = CollectorRegistry()
    with (
        context.socket(zmq.XPUB) as events_out,
        Publisher(context, address, source="aggregator/one") as publisher,
        Aggregator(
            context,
            address,
            publisher=publisher,
            window_rules=settings.window_rules(),
            hold_rules=settings.hold_rules(),
            registry=registry,
            clock=system_clock,
        ) as aggregator,
    ):
        events_out.bind(address.endpoint(Port.EVENTS_OUT))
        events_out.recv()

        def bad_messages() -> float:
            aggregator.turn()
            return aggregator.counters()["bad_messages"]

        events_out.send_multipart([b"face-emotion/kitchen/", b"no event"])
        events_out.send_multipart([b"face-emotion/alone"])
        eventually(lambda: bad_messages() == 2, "both are counted")
    name = "moodcue_aggregator_bad_messages_total"
    assert registry.get_sample_value(name) == 2


def test_silence_closes_the_window_and_the_heartbeat_tells_the_counts(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start(
        MOODCUE_AGGREGATOR_WINDOW_SECONDS="1",
        MOODCUE_AGGREGATOR_LATENESS_SECONDS="0",
        MOODCUE_AGGREGATOR_IDLE_GRACE_SECONDS="0",
    )
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(1))
    eventually(lambda: len(kept_windows(context, address)) == 2, "two windows")
    windows = kept_windows(context, address)
    assert [w.hold for w in windows] == [None, HoldReason.TOO_FEW_FRAMES]
    assert [w.frames_seen for w in windows] == [1, 0]
    with Subscriber(context, address, topics=["status/aggregator/"]) as subscriber:

        def two_windows_told() -> bool:
            message = subscriber.receive(0.1)
            status = message.event if message else None
            return isinstance(status, Status) and status.counters["windows"] == 2

        eventually(two_windows_told, "a heartbeat with two windows")


def test_sigterm_ends_it_in_time_without_emitting_the_open_window(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(20))
    eventually(lambda: len(kept_windows(context, address)) == 1, "a window")
    started = time.monotonic()
    assert aggregator.stop() == 0
    assert time.monotonic() - started < GRACE_SECONDS
    assert len(kept_windows(context, address)) == 1


def test_who_opts_out_is_gone_from_the_next_window_on_also_after_a_restart(
    context: Context,
    address: BusAddress,
    worker: Publisher,
    aggregator: AggregatorProcess,
    eventually: Eventually,
) -> None:
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works")
    send_frames(worker, range(16))
    eventually(lambda: len(kept_windows(context, address)) == 1, "a window with a person")
    (person,) = kept_windows(context, address)[0].tracks
    wish = RecommendationRequest(
        id="wish",
        source=worker.source,
        seq=1,
        time=0,
        trace="0" * 32,
        camera="kitchen",
        opt_out=person.track,
    )
    assert worker.send("request/kitchen/", wish)
    send_frames(worker, range(16, 26))
    eventually(lambda: len(kept_windows(context, address)) == 2, "a window without")
    assert aggregator.stop() == 0
    aggregator.start()
    eventually(lambda: aggregator.logged("history.restored"), "the aggregator works again")
    send_frames(worker, range(26, 36))
    eventually(lambda: len(kept_windows(context, address)) == 3, "another window without")

    for window in kept_windows(context, address)[1:]:
        assert (window.hold, window.tracks) == (HoldReason.NOBODY, ())
        assert [each.track for each in window.opted_out] == [person.track]
