"""From a picture of the camera to the songs that came of it, as a trace viewer shows it."""

import itertools
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import Eventually
from otlp_receiver import OtlpReceiver, Span, otlp_receiver
from service_process import ServiceProcess

import moodcue
from moodcue.bus import BusAddress
from moodcue.events import EmotionWindow, Recommendation
from moodcue_recommender.sample_library import random_songs, write_library

SERVICES = ("broker", "fer", "aggregator", "recommender", "gateway", "camera")
PATH = [
    ("camera", "publish frame"),
    ("fer", "read frame"),
    ("aggregator", "make window"),
    ("recommender", "choose songs"),
    ("gateway", "push songs"),
]


pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def deadline_seconds() -> float:
    return 60.0


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as running:
        yield running


@pytest.fixture
def processes(
    tmp_path: Path, address: BusAddress, receiver: OtlpReceiver
) -> Iterator[list[ServiceProcess]]:
    write_library(tmp_path / "index", random_songs(100), generation="g1")
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "MOODCUE_BUS_PORT": str(address.port),
        "MOODCUE_AGGREGATOR_WINDOW_SECONDS": "1",
        "MOODCUE_AGGREGATOR_LATENESS_SECONDS": "0.5",
        "MOODCUE_AGGREGATOR_IDLE_GRACE_SECONDS": "0.2",
        "MOODCUE_GATEWAY_PORT": str(address.port + 5),
        "MOODCUE_GATEWAY_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_GATEWAY_STATE_DIR": str(tmp_path / "gateway"),
        "MOODCUE_RECOMMENDER_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_RECOMMENDER_STATE_DIR": str(tmp_path / "state"),
    }
    made = [
        ServiceProcess(f"moodcue_{service}", "run", environment=environment) for service in SERVICES
    ]
    yield made
    for process in made:
        process.kill()


def names(path: list[Span]) -> list[tuple[str, str]]:
    return [(span.service, span.name) for span in path]


def test_one_trace_leads_from_a_picture_to_the_songs_and_shows_where_the_time_went(
    processes: list[ServiceProcess],
    receiver: OtlpReceiver,
    address: BusAddress,
    eventually: Eventually,
) -> None:
    assert processes
    whole: list[list[Span]] = []

    def complete() -> bool:
        paths = [receiver.path_to(span) for span in receiver.named("push songs")]
        whole[:] = [path for path in paths if path is not None and names(path) == PATH]
        return bool(whole)

    eventually(complete, "a recommendation can be followed back to its frame")
    path = whole[0]
    assert len({span.trace for span in path}) == 1
    assert path[0].start <= path[1].start <= path[2].start <= path[3].start <= path[4].start
    assert all(0 < span.end - span.start < 10**10 for span in path)

    def parts_of(span: Span) -> list[str]:
        inside = [one for one in receiver.spans if one.parent == span.id]
        return [one.name for one in sorted(inside, key=lambda one: one.start)]

    assert parts_of(path[0])[:3] == ["capture", "encode", "send"]
    assert [one for one in parts_of(path[1]) if one != "make window"] == [
        "decode",
        "detect",
        "look",
        "infer",
        "send",
    ]
    [wait] = [one for one in receiver.named("wait for a worker") if one.parent == path[0].id]
    assert (wait.service, wait.trace) == ("broker", path[0].trace)
    assert str(wait.attributes["moodcue.worker"]).startswith("fer/")
    assert path[0].start <= wait.end <= path[1].end

    with moodcue.subscribe("recommendation/", port=address.port, after_seq=0) as subscription:
        events = itertools.takewhile(bool, (subscription.get(timeout_seconds=5) for _ in range(99)))
        told = next(e for e in events if isinstance(e, Recommendation) and e.trace == path[0].trace)
    assert path[3].attributes["moodcue.songs"] == len(told.songs)


def test_a_mood_that_is_asked_for_is_followed_to_its_songs_too(
    processes: list[ServiceProcess],
    receiver: OtlpReceiver,
    address: BusAddress,
    eventually: Eventually,
) -> None:
    assert processes
    url = f"http://127.0.0.1:{address.port + 5}"

    def asked() -> bool:
        body = json.dumps({"mood": "calm"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/v1/recommend", body, headers)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except OSError:
            return False

    eventually(asked, "the mood is answered")
    wanted = [("gateway", "ask for songs"), ("recommender", "choose songs"), PATH[-1]]
    eventually(
        lambda: wanted in [names(receiver.path_to(s) or []) for s in receiver.named("push songs")],
        "the request can be followed",
    )


def test_a_window_without_frames_has_a_trace_of_its_own(
    processes: list[ServiceProcess], receiver: OtlpReceiver, address: BusAddress
) -> None:
    camera = processes[-1]
    with moodcue.subscribe("emotion-window/", port=address.port) as subscription:
        assert subscription.get(timeout_seconds=60) is not None
        camera.stop()
        windows = (subscription.get(timeout_seconds=30) for _ in range(9))
        empty = next(w for w in windows if isinstance(w, EmotionWindow) and not w.frames_seen)
        assert [process.stop() for process in processes] == [0] * len(processes)

    [made] = [span for span in receiver.named("make window") if span.trace == empty.trace]
    assert made.parent == ""
    assert made.attributes["moodcue.hold"] == "too_few_frames"
