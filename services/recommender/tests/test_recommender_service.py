import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fixtures import DEADLINE_SECONDS, BrokerProcess, Context, Eventually
from prometheus_client import CollectorRegistry
from recommender_harness import HAPPY, RULES, SAD, CommittedLog
from service_process import GRACE_SECONDS, ServiceProcess

from moodcue.bus import BusAddress, Publisher, Subscriber
from moodcue.cli import main as moodcue
from moodcue.codec import Message
from moodcue.events import (
    EmotionWindow,
    Event,
    Feedback,
    FeedbackKind,
    HoldReason,
    IndexPublished,
    Mode,
    Recommendation,
    RecommendationRequest,
    ServiceState,
    Status,
    Taste,
    TrackEmotion,
)
from moodcue.identity import NS_PER_SECOND, new_id, new_trace, system_clock
from moodcue.replay import replay
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.database import Database
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.metrics import RecommenderMetrics
from moodcue_recommender.sample_library import random_songs, write_library
from moodcue_recommender.service import Parts, RecommenderService


@dataclass
class Process:
    """A real recommender in a process of its own, with a folder of its own."""

    address: BusAddress
    folder: Path
    process: ServiceProcess | None = None

    @property
    def index(self) -> Path:
        return self.folder / "index"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def start(self, **settings: str) -> None:
        variables = {
            "MOODCUE_BUS_PORT": str(self.address.port),
            "MOODCUE_INSTANCE": "test",
            "MOODCUE_RECOMMENDER_INDEX_DIR": str(self.index),
            "MOODCUE_RECOMMENDER_STATE_DIR": str(self.folder / "state"),
            **settings,
        }
        self.process = ServiceProcess(
            "moodcue_recommender", "run", environment=variables, errors=self.output
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        code = self.process.stop(number)
        self.process = None
        return code


@dataclass
class Bus:
    """Publishes windows and requests as other services do, and collects what is recommended."""

    publisher: Publisher
    subscriber: Subscriber
    received: list[Recommendation] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)

    def publish(self, kind: type[Event], topic: str, **fields: Any) -> str:
        event = kind(
            id=new_id(),
            source=self.publisher.source,
            seq=self.publisher.next_seq(topic),
            trace=new_trace(),
            **{"time": system_clock(), **fields},
        )
        assert self.publisher.send(topic, event)
        return event.id

    def window(self, camera: str = "kitchen", **changes: Any) -> str:
        end = system_clock()
        fields = {
            "camera": camera,
            "time": end,
            "start": end - 15 * NS_PER_SECOND,
            "end": end,
            "frames_expected": 75,
            "frames_seen": 75,
            "frames_with_face": 70,
            "coverage": 0.9,
            "confidence": 0.7,
            "probabilities": HAPPY,
            **changes,
        }
        return self.publish(EmotionWindow, f"emotion-window/{camera}/", **fields)

    def request(self, **wish: Any) -> str:
        return self.publish(RecommendationRequest, "request/kitchen/", camera="kitchen", **wish)

    def collect(self, timeout_seconds: float = 0.0) -> None:
        while message := self.subscriber.receive(timeout_seconds):
            if isinstance(message.event, Recommendation):
                self.received.append(message.event)
            elif isinstance(message.event, Status):
                self.statuses.append(message.event)

    def answer_to(self, question: str) -> Recommendation:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            self.collect()
            for event in self.received:
                if question in (event.window, event.request):
                    return event
            self.subscriber.socket.poll(100)
        pytest.fail(f"no answer to {question} within {DEADLINE_SECONDS:g} s")

    def wait_for_status(self, **wanted: object) -> Status:
        deadline = time.monotonic() + DEADLINE_SECONDS
        self.statuses.clear()
        while time.monotonic() < deadline:
            self.collect(0.1)
            for status in self.statuses:
                if all(getattr(status, name) == value for name, value in wanted.items()):
                    return status
        pytest.fail(f"no status with {wanted} within {DEADLINE_SECONDS:g} s: {self.statuses}")


@pytest.fixture
def bus(context: Context, address: BusAddress, broker: BrokerProcess) -> Bus:
    del broker
    subscriber = Subscriber(
        context, address, topics=["recommendation/", "status/recommender/"], hwm=10_000
    )
    publisher = Publisher(context, address, source="test/1")
    assert publisher.wait_until_connected(DEADLINE_SECONDS)
    return Bus(publisher, subscriber)


@pytest.fixture
def recommender(address: BusAddress, tmp_path: Path) -> Iterator[Process]:
    process = Process(address, tmp_path)
    yield process
    if process.process is not None:
        process.stop(signal.SIGKILL)


@pytest.fixture
def ready(recommender: Process, bus: Bus) -> Process:
    """A recommender with an index, connected to the bus."""
    write_library(recommender.index, random_songs(100), generation="first")
    recommender.start()
    bus.wait_for_status(state=ServiceState.RUNNING)
    return recommender


def test_every_window_gets_songs_or_its_hold(ready: Process, bus: Bus) -> None:
    assert ready.process is not None
    songs = bus.answer_to(bus.window())
    held = bus.answer_to(bus.window(probabilities=None, hold=HoldReason.NOBODY))
    assert (len(songs.songs), songs.emotion, songs.hold) == (5, "happiness", None)
    assert (held.songs, held.hold) == ((), HoldReason.NOBODY)
    assert (songs.source, songs.seq, held.seq) == ("recommender/test", 1, 2)


def test_requests_are_answered_with_their_id_or_with_what_is_wrong(
    ready: Process, bus: Bus
) -> None:
    assert ready.process is not None
    calm = bus.answer_to(bus.request(mood="calm", count=7))
    assert len(calm.songs) == 7
    assert sum(song.arousal for song in calm.songs) < 0
    unknown = bus.answer_to(bus.request(mood="groovy"))
    assert unknown.hold is HoldReason.NOT_UNDERSTOOD
    assert "known: anger" in unknown.detail


def test_without_an_index_it_holds_until_one_is_published(recommender: Process, bus: Bus) -> None:
    recommender.start(MOODCUE_RECOMMENDER_INDEX_POLL_SECONDS="3600")
    degraded = bus.wait_for_status(state=ServiceState.DEGRADED)
    assert "no index at" in degraded.detail
    assert bus.answer_to(bus.window()).hold is HoldReason.NO_INDEX
    write_library(recommender.index, random_songs(10), generation="first")
    bus.publish(IndexPublished, "index/", generation="first", songs=10, model_sha256="")
    bus.wait_for_status(state=ServiceState.RUNNING)
    assert len(bus.answer_to(bus.window()).songs) == 5


def test_a_room_of_people_who_disagree_gets_the_songs_of_who_leads(
    recommender: Process, bus: Bus
) -> None:
    write_library(recommender.index, random_songs(100), generation="first")
    recommender.start(MOODCUE_RECOMMENDER_GROUP_POLICY="lead")
    people = tuple(
        TrackEmotion(track=track, probabilities=seven, frames=60, weight=1, box=(0, 0, 9, 9))
        for track, seven in ((4, SAD), (3, HAPPY))
    )
    torn = bus.window(tracks=people, probabilities=None, hold=HoldReason.DISAGREEMENT)
    answer = bus.answer_to(torn)

    assert (answer.hold, answer.emotion, answer.leader) == (None, "happiness", 3)
    assert (answer.people, len(answer.songs)) == (2, 5)
    assert 0.5 < answer.disagreement < 1


def test_the_status_counts_whether_faces_followed(
    ready: Process, bus: Bus, eventually: Eventually
) -> None:
    assert ready.process is not None
    bus.answer_to(bus.window(probabilities=SAD))
    bus.answer_to(bus.request(mode=Mode.LIFT))
    for face in (HAPPY, SAD, SAD):
        bus.answer_to(bus.window(probabilities=face))

    def counted() -> bool:
        figures = bus.wait_for_status(state=ServiceState.RUNNING).counters
        return (figures.get("guided_followed"), figures.get("guided_not_followed")) == (1, 2)

    eventually(counted, "one of three steps was followed")


def test_what_a_room_has_taught_is_an_event_that_outlives_recommender_and_broker(
    ready: Process,
    bus: Bus,
    broker: BrokerProcess,
    context: Context,
    address: BusAddress,
    eventually: Eventually,
) -> None:
    song = bus.answer_to(bus.window()).songs[0].song
    bus.answer_to(bus.request(feedback=Feedback(song=song, kind=FeedbackKind.LIKE)))

    def kept() -> list[tuple[str, int]]:
        """The likes of each song, as a late joiner is told."""
        with Subscriber(context, address, topics=["taste/kitchen/"]) as joiner:
            message = joiner.receive(1)
        event = message.event if message else None
        entries = event.entries if isinstance(event, Taste) else ()
        return [(entry.song, entry.likes) for entry in entries if entry.song]

    eventually(lambda: kept() == [(song, 1)], "the broker tells it")
    assert ready.stop() == 0
    assert broker.stop(signal.SIGKILL) == -9
    broker.start()
    ready.start()
    eventually(lambda: kept() == [(song, 1)], "a new broker tells it, too")
    bus.answer_to(bus.request(reset_taste=True))
    eventually(lambda: kept() == [], "after a reset there is nothing to tell")


def test_a_mood_can_be_asked_for_on_a_command_line_without_a_camera(
    ready: Process, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(ready.address.port)

    def mood(*words: str) -> str:
        assert moodcue(["mood", *words, "--room", "living-room", "--port", port]) == 0
        return capsys.readouterr().out

    printed = mood("calm", "--count", "3")
    assert printed.count("\n") == 4
    assert "living-room" in printed
    assert json.loads(mood("--point=-0.6,0.6", "--json"))["place"] == [-0.6, 0.6]
    answer = json.loads(mood("--emotions", "sadness=3,neutral=1", "--mode", "lift", "--json"))
    assert (answer["mode"], answer["emotion"], len(answer["songs"])) == ("lift", "sadness", 5)
    assert mood("--mode", "energise").count("\n") == 6
    assert bus.answer_to(bus.window("living-room")).mode is Mode.ENERGISE


def test_a_mood_that_is_not_understood_ends_the_command_with_the_remedy(
    ready: Process, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moodcue(["mood", "groovy", "--port", str(ready.address.port)]) == 1
    assert "known: anger" in capsys.readouterr().err


def test_while_the_index_is_replaced_every_window_gets_one_answer(ready: Process, bus: Bus) -> None:
    stop = threading.Event()
    published = threading.Semaphore(0)

    def replace_index() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            songs = random_songs(200 + number, seed=number)
            write_library(ready.index, songs, generation=f"next-{number}")
            published.release()

    writer = threading.Thread(target=replace_index)
    writer.start()
    asked: list[str] = []
    try:
        deadline = time.monotonic() + 60
        while len({event.generation for event in bus.received}) < 4 or len(asked) < 300:
            assert time.monotonic() < deadline, "the index was not replaced often enough"
            asked.append(bus.window())
            if len(asked) % 5 == 0:
                bus.publish(IndexPublished, "index/", generation="x", songs=1, model_sha256="")
                bus.answer_to(asked[-1])
    finally:
        stop.set()
        writer.join()
    bus.answer_to(asked[-1])
    bus.collect(0.5)
    assert [event.window for event in bus.received] == asked
    assert [event.seq for event in bus.received] == list(range(1, len(asked) + 1))
    assert all(len(event.songs) == 5 for event in bus.received)


def test_a_damaged_index_leaves_the_old_one_in_use(ready: Process, bus: Bus) -> None:
    manifest = write_library(ready.index, random_songs(10), generation="damaged")
    (ready.index / "generations" / manifest.generation / "songs.faiss").write_bytes(b"")
    degraded = bus.wait_for_status(state=ServiceState.DEGRADED)
    assert "is not the file that the manifest names" in degraded.detail
    assert bus.answer_to(bus.window()).generation == "first"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_after_a_restart_numbers_go_on_and_only_new_windows_are_answered(
    ready: Process, bus: Bus, number: int, code: int
) -> None:
    before = [bus.window() for _ in range(3)]
    bus.answer_to(before[-1])
    assert ready.stop(number) == code
    missed = [bus.window() for _ in range(3)]
    ready.start()
    bus.answer_to(missed[-1])
    last = bus.window()
    bus.answer_to(last)
    bus.collect(0.5)
    assert [event.window for event in bus.received] == [*before, *missed, last]
    assert [event.seq for event in bus.received] == list(range(1, 8))
    assert {event.source for event in bus.received} == {"recommender/test"}
    for one, other in pairwise(bus.received):
        assert not {song.song for song in one.songs} & {song.song for song in other.songs}


def test_windows_that_are_too_old_are_left_after_a_restart(recommender: Process, bus: Bus) -> None:
    write_library(recommender.index, random_songs(10), generation="first")
    hour_ago = system_clock() - 3600 * NS_PER_SECOND
    old = bus.window(start=hour_ago - 15 * NS_PER_SECOND, end=hour_ago, time=hour_ago)
    new = bus.window()
    recommender.start()
    bus.answer_to(new)
    bus.wait_for_status(state=ServiceState.RUNNING)
    assert old not in {event.window for event in bus.received}


def test_a_restarted_broker_gets_the_recommendations_again(
    ready: Process,
    bus: Bus,
    broker: BrokerProcess,
    eventually: Eventually,
    context: Context,
    address: BusAddress,
) -> None:
    assert ready.process is not None
    asked = [bus.window(camera) for camera in ("kitchen", "hall") for _ in range(3)]
    answers = [bus.answer_to(question) for question in asked]
    assert broker.stop(signal.SIGKILL) == -9
    broker.start()

    def kept() -> list[Event]:
        messages, _ = replay(context, address, topic="recommendation/")
        return [message.event for message in messages]

    eventually(lambda: len(kept()) == 6, "the broker has all recommendations again")
    assert {event.id: event for event in kept()} == {event.id: event for event in answers}
    answer = bus.answer_to(bus.window("hall"))
    assert answer.seq == 4
    later, complete = replay(context, address, topic="recommendation/hall/", after_seq=2)
    assert ([message.event.seq for message in later], complete) == ([3, 4], True)


def test_a_message_where_it_does_not_belong_ends_nothing(ready: Process, bus: Bus) -> None:
    assert ready.process is not None
    bus.publish(IndexPublished, "emotion-window/kitchen/", generation="x", songs=1, model_sha256="")
    assert len(bus.answer_to(bus.window()).songs) == 5


def test_every_line_of_the_log_names_the_service(ready: Process, bus: Bus) -> None:
    bus.answer_to(bus.window())
    assert ready.stop() == 0
    lines = [json.loads(line) for line in ready.output.read_bytes().splitlines()]
    assert {"index.loaded", "recommendation.published"} <= {line["event"] for line in lines}
    assert {line.get("service") for line in lines} == {"recommender"}


def test_sigterm_ends_it_in_time(ready: Process, bus: Bus) -> None:
    began = time.monotonic()
    assert ready.stop() == 0
    assert time.monotonic() - began < GRACE_SECONDS
    bus.wait_for_status(state=ServiceState.STOPPING)


def test_sigterm_ends_it_while_there_is_no_broker(
    recommender: Process, eventually: Eventually
) -> None:
    recommender.start()
    eventually(lambda: b"index.refused" in recommender.output.read_bytes(), "it has started")
    assert recommender.stop() == 0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def log(database: Database) -> CommittedLog:
    return CommittedLog(database, source="recommender/test")


@pytest.fixture
def service(
    context: Context,
    address: BusAddress,
    tmp_path: Path,
    broker: BrokerProcess,
    registry: CollectorRegistry,
    database: Database,
    log: CommittedLog,
) -> Iterator[RecommenderService]:
    """A service in this process, to hand messages to, beside a real broker."""
    del broker
    index = IndexFollower(tmp_path / "index")
    with Publisher(context, address, source=log.source) as publisher:
        assert publisher.wait_until_connected(DEADLINE_SECONDS)
        yield RecommenderService(
            Parts(
                context=context,
                address=address,
                index=index,
                log=log,
                answerer=Answerer(
                    index=index,
                    database=database,
                    log=log,
                    next_seq=publisher.next_seq,
                    rules=RULES,
                ),
                publisher=publisher,
                metrics=RecommenderMetrics(registry, index),
                republish=100,
                catch_up_seconds=300,
            )
        )


def test_a_window_lost_on_the_way_is_fetched_from_the_broker_and_answered(
    service: RecommenderService,
    bus: Bus,
    context: Context,
    address: BusAddress,
    eventually: Eventually,
) -> None:
    asked = [bus.window(start=0, end=15, time=15) for _ in range(4)]

    def kept() -> list[Message]:
        return replay(context, address, topic="emotion-window/")[0]

    eventually(lambda: len(kept()) == 4, "the broker has the windows")
    first, _, _, last = kept()
    service.handle(first)
    service.handle(last)
    bus.answer_to(asked[-1])
    assert [event.window for event in bus.received] == asked
    assert service.counters()["windows_lost"] == 0


def test_a_recommendation_that_was_kept_but_not_sent_is_sent_after_a_start(
    log: CommittedLog, service: RecommenderService, bus: Bus
) -> None:
    unsent = Recommendation(
        id=new_id(),
        source=log.source,
        seq=1,
        time=15,
        trace=new_trace(),
        camera="kitchen",
        window="window-1",
        hold=HoldReason.NOBODY,
    )
    log.append(unsent)
    service.handle(Message("status/broker/b/", broker_status("broker/b-1")))
    assert bus.answer_to("window-1") == unsent
    service.handle(Message("status/broker/b/", broker_status("broker/b-1")))
    service.handle(Message("status/broker/b/", broker_status("broker/b-2")))
    bus.collect(0.5)
    assert bus.received == [unsent]


def broker_status(source: str) -> Status:
    return Status(
        id=new_id(),
        source=source,
        seq=1,
        time=0,
        trace=new_trace(),
        service="broker",
        instance="b",
        version="0",
        state=ServiceState.RUNNING,
        started=0,
    )


def test_answers_holds_and_duplicates_are_counted(
    service: RecommenderService, registry: CollectorRegistry, bus: Bus
) -> None:
    del bus
    event = EmotionWindow(
        id="window-1",
        source="aggregator/test",
        seq=1,
        time=15,
        trace=new_trace(),
        camera="kitchen",
        start=0,
        end=15,
        frames_expected=75,
        frames_seen=75,
        frames_with_face=75,
        coverage=1,
        confidence=1,
        probabilities=HAPPY,
    )
    for _ in range(2):
        service.handle(Message("emotion-window/kitchen/", event))

    def sample(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"moodcue_recommender_{name}", labels)

    assert sample("recommendations_total", camera="kitchen", hold="no_index") == 1
    assert sample("duplicates_total") == 1
    assert sample("answer_seconds_count") == 1
    assert sample("delay_seconds_count") == 1
    assert sample("delay_seconds_bucket", le="300.0") == 0  # the window ended in 1970
    assert sample("index_songs") == 0
