"""The compose file on a real engine."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from compose import Compose, override

import moodcue
from moodcue.events import Recommendation

SERVICES = ("broker", "camera", "fer", "aggregator", "recommender", "gateway")
WINDOW_SECONDS = 3

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Moodcue as `docker compose up` starts it, but with short windows."""
    changes = override(tmp_path_factory.mktemp("compose"))
    made = Compose(changes, "moodcue-test", {"WINDOW_SECONDS": str(WINDOW_SECONDS)})
    made.run("build", timeout_seconds=1000)
    made.run("down", "--volumes")
    made.run("up", "-d")
    yield made
    made.run("down", "--volumes")


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds:g} s: {what}"
        pause.wait(0.5)


def next_songs(subscription: moodcue.Subscription) -> Recommendation:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        event = subscription.get(timeout_seconds=60)
        if isinstance(event, Recommendation) and event.songs:
            return event
    raise AssertionError("no songs were recommended")


def test_a_subscriber_outside_gets_five_songs_of_the_composed_library(system: Compose) -> None:
    assert system.containers("broker")
    with moodcue.subscribe("recommendation/") as subscription:
        answer = next_songs(subscription)

    assert len({song.song for song in answer.songs}) == 5
    with urllib.request.urlopen("http://127.0.0.1:8080/v1/recommendations/latest") as latest:
        assert json.load(latest)["camera"] == "camera"
    audio = f"http://127.0.0.1:8080/v1/songs/{answer.songs[0].song}/audio"
    with urllib.request.urlopen(audio) as song:
        assert len(song.read()) > 50_000


def test_every_container_becomes_healthy(system: Compose) -> None:
    def states() -> list[str]:
        ids = [i for service in SERVICES for i in system.containers(service)]
        return system.docker("inspect", "-f", "{{.State.Health.Status}}", *ids).split()

    wait_until(lambda: set(states()) == {"healthy"}, "every health check is green")
    assert len(states()) == len(SERVICES) + 1  # two workers


def test_the_workers_scale_alone_and_no_window_is_lost(system: Compose) -> None:
    others = {service: system.containers(service) for service in SERVICES if service != "fer"}
    windows = []
    with moodcue.subscribe("emotion-window/") as subscription:
        assert subscription.get(timeout_seconds=60)
        for count in (3, 1):
            system.run("up", "-d", "--no-recreate", "--scale", f"fer={count}")
            assert len(system.containers("fer")) == count
            windows += [subscription.get(timeout_seconds=60) for _ in range(4)]

    numbers = [window.seq for window in windows if window is not None]
    assert numbers == list(range(numbers[0], numbers[0] + 8))
    assert others == {service: system.containers(service) for service in others}


def test_nobody_inside_is_root_and_nothing_but_the_data_can_be_written(system: Compose) -> None:
    for service in SERVICES:
        [container, *_] = system.containers(service)
        script = "import os; print(os.getuid(), os.access('/opt/moodcue', os.W_OK))"

        assert system.docker("exec", container, "python", "-c", script).split() == [
            "10001",
            "False",
        ]
        inspected = system.docker("inspect", "-f", "{{.HostConfig.ReadonlyRootfs}}", container)
        assert inspected.strip() == "true"


def test_no_image_carries_torch_or_a_compiler(system: Compose) -> None:
    for service in (*SERVICES, "mer-indexer"):
        image = f"moodcue-{service}:0.1.0"
        script = (
            "import importlib.util, shutil; "
            "print(importlib.util.find_spec('torch'), shutil.which('gcc'))"
        )

        found = system.docker("run", "--rm", "--entrypoint", "python", image, "-c", script)
        assert found.split() == ["None", "None"], service


def test_stopping_ends_every_service_in_time_with_code_0(system: Compose) -> None:
    ids = [i for service in SERVICES for i in system.containers(service)]
    before = time.monotonic()
    system.run("stop")

    assert time.monotonic() - before < 15
    codes = system.docker("inspect", "-f", "{{.State.ExitCode}}", *ids).split()
    assert set(codes) == {"0"}


def test_a_second_start_answers_from_the_kept_volumes(system: Compose) -> None:
    system.run("stop")
    started = time.time_ns()
    system.run("up", "-d")
    with moodcue.subscribe("recommendation/") as subscription:
        answer = next_songs(subscription)
        while answer.time < started:
            answer = next_songs(subscription)

    assert len(answer.songs) == 5
