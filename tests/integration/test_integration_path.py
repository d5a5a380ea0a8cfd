"""Broker, aggregator, recommender and gateway together, fed with a recorded face."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import Context
from service_process import GRACE_SECONDS

import moodcue
from moodcue.bus import BusAddress, Publisher
from moodcue.events import Face, FaceEmotion, FrameStatus, Recommendation
from moodcue.identity import NS_PER_SECOND, new_id, new_trace
from moodcue.taxonomy import vector_from_mapping
from moodcue_recommender.sample_library import random_songs, write_library

WINDOW_SECONDS = 2
RATE = 5
DEADLINE_SECONDS = 60.0

pytestmark = pytest.mark.timeout(180)


class System:
    """The services as processes, with a library of 500 songs."""

    def __init__(self, folder: Path, address: BusAddress) -> None:
        write_library(folder / "index", random_songs(500), generation="g1")
        self.page = address.port + 5
        self._environment = {
            **os.environ,
            "MOODCUE_BUS_PORT": str(address.port),
            "MOODCUE_INSTANCE": "test",
            "MOODCUE_AGGREGATOR_WINDOW_SECONDS": str(WINDOW_SECONDS),
            "MOODCUE_GATEWAY_PORT": str(self.page),
            "MOODCUE_GATEWAY_INDEX_DIR": str(folder / "index"),
            "MOODCUE_GATEWAY_STATE_DIR": str(folder / "gateway"),
            "MOODCUE_RECOMMENDER_INDEX_DIR": str(folder / "index"),
            "MOODCUE_RECOMMENDER_STATE_DIR": str(folder / "state"),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str) -> None:
        """Start a service."""
        self.processes[service] = subprocess.Popen(
            [sys.executable, "-m", f"moodcue_{service}", "run"],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )

    def end(self, service: str, number: int = signal.SIGTERM) -> int:
        """End a service with a signal and return its exit code."""
        process = self.processes.pop(service)
        process.send_signal(number)
        return process.wait(10)

    def get(
        self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None
    ) -> tuple[int, Any]:
        """Ask the gateway; returns the status and the JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.page}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own page
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ready(self) -> bool:
        """Whether every service says that it does its work."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/readyz", timeout=5):
                return True
        except OSError:
            return False


@pytest.fixture
def system(tmp_path: Path, address: BusAddress) -> Iterator[System]:
    made = System(tmp_path, address)
    for service in ("broker", "aggregator", "recommender", "gateway"):
        made.start(service)
    wait_until(made.ready, "the gateway has heard of everybody")
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not come true: {what}"
        pause.wait(0.1)


class Recorded:
    """Plays a face of changing mood, as a worker would have seen it, faster than in life."""

    def __init__(self, context: Context, address: BusAddress, *, camera: str = "kitchen") -> None:
        self._camera = camera
        self._publisher = Publisher(context, address, source=f"fer/recorded-{camera}")
        assert self._publisher.wait_until_connected(10)
        self._captured = time.time_ns()

    def play(self, mood: dict[str, float], *, windows: int) -> None:
        """Publish the frames of some windows."""
        topic = f"face-emotion/{self._camera}/"
        for _ in range(windows * WINDOW_SECONDS * RATE):
            seq = self._publisher.next_seq(topic)
            face = Face(
                box=(200, 100, 200, 200), score=0.9, probabilities=vector_from_mapping(mood)
            )
            event = FaceEmotion(
                id=new_id(),
                source=self._publisher.source,
                seq=seq,
                time=self._captured,
                trace=new_trace(),
                camera=self._camera,
                frame_id=new_id(),
                frame_seq=seq,
                rate=RATE,
                width=640,
                height=480,
                status=FrameStatus.OK,
                faces=(face,),
            )
            assert self._publisher.send(topic, event)
            self._captured += NS_PER_SECOND // RATE


HAPPY = {"happiness": 0.85, "neutral": 0.15}
SAD = {"sadness": 0.85, "neutral": 0.15}


def take(subscription: moodcue.Subscription, count: int) -> list[Recommendation]:
    taken: list[Recommendation] = []
    while len(taken) < count:
        event = subscription.get(timeout_seconds=20)
        assert isinstance(event, Recommendation), f"only {len(taken)} of {count} came"
        taken.append(event)
    return taken


def test_songs_follow_the_mood_and_one_trace_leads_from_a_frame_to_them(
    system: System, context: Context, address: BusAddress
) -> None:
    assert system.processes
    with moodcue.subscribe("recommendation/kitchen/", port=address.port) as subscription:
        recorded = Recorded(context, address)
        recorded.play(HAPPY, windows=3)
        recorded.play(SAD, windows=4)
        answers = take(subscription, 6)

    assert [answer.emotion for answer in answers] == ["happiness"] * 3 + ["sadness"] * 3
    assert [answer.seq for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert all(len(answer.trace) == 32 for answer in answers)
    songs = [song.song for answer in answers[:4] for song in answer.songs]
    assert len(set(songs)) == 20
    assert all(song.valence > 0 for song in answers[0].songs)
    assert all(song.valence < 0 for song in answers[5].songs)


def test_a_mood_by_name_by_point_and_by_weights_is_answered_over_http(system: System) -> None:
    for body in (
        {"mood": "calm"},
        {"point": [0.7, -0.7]},
        {"emotions": {"neutral": 0.8, "happiness": 0.2}},
    ):
        status, answer = system.get("/v1/recommend", body)

        assert (status, len(answer["songs"])) == (200, 5), answer
        assert all(song["arousal"] < 0.5 for song in answer["songs"])


def test_a_mood_that_nobody_knows_is_refused_with_the_known_ones(system: System) -> None:
    status, problem = system.get("/v1/recommend", {"mood": "groovy"})

    assert status == 422
    assert "groovy" in problem["detail"]
    assert "calm" in problem["detail"]


def test_a_song_that_is_liked_over_http_rises_until_its_room_forgets(system: System) -> None:
    _, before = system.get("/v1/recommend", {"mood": "calm"})
    song = before["songs"][-1]["song"]
    like = {"feedback": {"song": song, "kind": "like"}}
    for _ in range(8):
        status, after = system.get("/v1/recommend", like)
        assert status == 200, after

    places = [[each["song"] for each in answer["songs"]].index(song) for answer in (before, after)]
    assert places[1] < places[0]
    _, taste = system.get("/v1/taste?camera=manual")
    assert (taste["entries"][0]["song"], taste["entries"][0]["likes"]) == (song, 8)
    assert system.get("/v1/taste?camera=manual", method="DELETE")[0] == 204
    assert system.get("/v1/taste?camera=manual")[1]["entries"] == []


def test_a_mode_set_over_http_leads_the_songs_of_a_camera_and_counts(
    system: System, context: Context, address: BusAddress
) -> None:
    with moodcue.subscribe("recommendation/kitchen/", port=address.port) as subscription:
        recorded = Recorded(context, address)
        recorded.play(SAD, windows=2)
        take(subscription, 1)
        status, answer = system.get("/v1/recommend", {"mode": "lift", "camera": "kitchen"})
        assert (status, answer["mode"], len(answer["songs"])) == (200, "lift", 5), answer
        recorded.play(SAD, windows=3)
        answers = [each for each in take(subscription, 4) if not each.request]

    targets = [each.target for each in answers if each.target is not None]
    assert [each.mode for each in answers] == ["lift"] * 3
    assert answers[-1].guidance is not None
    assert answers[-1].guidance.steps == 3
    assert [valence for valence, _ in targets] == sorted(valence for valence, _ in targets)


def wait_for_the_whole_path(context: Context, address: BusAddress) -> None:
    """Show another camera's face until songs come of it: all have found the broker again."""
    probe = Recorded(context, address, camera="probe")
    with moodcue.subscribe("recommendation/probe/", port=address.port) as subscription:

        def answered() -> bool:
            probe.play(HAPPY, windows=2)
            return subscription.get(timeout_seconds=0.5) is not None

        wait_until(answered, "frames become songs again")


def test_a_broker_that_is_killed_and_comes_back_costs_no_window(
    system: System, context: Context, address: BusAddress
) -> None:
    with moodcue.subscribe("recommendation/kitchen/", port=address.port) as subscription:
        recorded = Recorded(context, address)
        recorded.play(HAPPY, windows=3)
        before = take(subscription, 2)
        assert system.end("broker", signal.SIGKILL) == -signal.SIGKILL
        system.start("broker")
        wait_for_the_whole_path(context, address)
        recorded.play(SAD, windows=3)
        after = take(subscription, 3)

    assert [answer.seq for answer in before + after] == [1, 2, 3, 4, 5]
    assert after[-1].emotion == "sadness"


@pytest.mark.parametrize("service", ["aggregator", "recommender"])
def test_a_service_that_is_killed_and_comes_back_costs_no_window(
    system: System, context: Context, address: BusAddress, service: str
) -> None:
    with moodcue.subscribe("recommendation/kitchen/", port=address.port) as subscription:
        recorded = Recorded(context, address)
        recorded.play(HAPPY, windows=2)
        before = take(subscription, 1)
        system.end(service, signal.SIGKILL)
        recorded.play(SAD, windows=2)
        system.start(service)
        recorded.play(SAD, windows=1)
        after = take(subscription, 3)

    assert [answer.seq for answer in before + after] == [1, 2, 3, 4]


def test_a_subscriber_goes_on_though_broker_and_aggregator_have_forgotten_everything(
    system: System, context: Context, address: BusAddress
) -> None:
    with moodcue.subscribe("emotion-window/kitchen/", port=address.port) as subscription:
        recorded = Recorded(context, address)
        recorded.play(HAPPY, windows=3)
        before = [subscription.get(timeout_seconds=20) for _ in range(2)]
        for service in ("aggregator", "broker"):
            system.end(service, signal.SIGKILL)
        for service in ("aggregator", "broker"):
            system.start(service)
        wait_for_the_whole_path(context, address)
        recorded.play(SAD, windows=2)
        after = subscription.get(timeout_seconds=20)

    assert [window.seq for window in before if window] == [1, 2]
    assert after is not None
    assert (after.seq, after.source == before[0].source) == (1, False)  # type: ignore[union-attr]


def test_every_service_ends_at_a_word_with_code_0_though_the_broker_is_gone(
    system: System,
) -> None:
    system.end("broker", signal.SIGKILL)

    for service in list(system.processes):
        before = time.monotonic()
        assert system.end(service) == 0, service
        assert time.monotonic() - before < GRACE_SECONDS, service
