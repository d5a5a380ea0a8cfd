"""The profile `observability` on a real engine, with the Prometheus of this machine.

Its image needs a registry, so the program is lent to a container of our base image.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from compose import REPOSITORY, Compose, override
from prometheus_server import Prometheus, find_tool

SERVICES = ("broker", "camera", "fer", "aggregator", "recommender", "gateway")
PORT = 19090

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]


def lend_prometheus(changes: Path) -> None:
    """Let the service `prometheus` of a test be the program of this machine."""
    base = re.search(
        r"^ARG BASE=(.+)$", (REPOSITORY / "deploy" / "Dockerfile").read_text(), re.MULTILINE
    )
    assert base is not None
    program = find_tool("prometheus")
    contents = yaml.safe_load(changes.read_text())
    contents["services"]["prometheus"] = {
        "image": base[1],
        "entrypoint": ["/usr/bin/prometheus"],
        # Who owns the folder of its figures in this image; without capabilities it may no more.
        "user": "0:0",
        "volumes": [f"{program}:/usr/bin/prometheus:ro"],
    }
    changes.write_text(yaml.safe_dump(contents))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    changes = override(tmp_path_factory.mktemp("observability"))
    lend_prometheus(changes)
    variables = {"WINDOW_SECONDS": "3", "PROMETHEUS_PORT": str(PORT)}
    made = Compose(changes, "moodcue-observed", variables, profiles=("observability",))
    made.run("build", *SERVICES, timeout_seconds=1000)
    made.run("down", "--volumes")
    made.run("up", "-d", *SERVICES, "prometheus")
    yield made
    made.run("down", "--volumes")


@pytest.fixture
def watcher(system: Compose) -> Prometheus:
    assert system.containers("prometheus")
    return Prometheus(f"http://127.0.0.1:{PORT}")


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds:g} s: {what}"
        pause.wait(0.5)


def scraped(watcher: Prometheus) -> dict[str, int]:
    """Count the processes of each service that Prometheus reads; none while it starts."""
    try:
        found = watcher.query("count by (service) (up == 1)")
    except OSError:
        return {}
    return {labels["service"]: int(count) for labels, count in found}


def test_prometheus_finds_every_service_by_its_name_and_every_worker_also_new_ones(
    system: Compose, watcher: Prometheus
) -> None:
    wanted = dict.fromkeys(SERVICES, 1) | {"fer": 2}
    wait_until(lambda: wanted.items() <= scraped(watcher).items(), "all are scraped")

    system.run("up", "-d", "--no-recreate", "--scale", "fer=3", "fer")
    wait_until(lambda: scraped(watcher).get("fer") == 3, "the third worker is scraped")
    instances = watcher.query('count by (instance) (up{service="fer"} == 1)')
    assert len({labels["instance"] for labels, _ in instances}) == 3
    wait_until(lambda: watcher.value("moodcue_workers") == 3, "the broker counts them too")


def test_windows_are_counted_and_an_index_that_is_missing_is_noticed(watcher: Prometheus) -> None:
    wait_until(lambda: watcher.value("sum(moodcue_windows_total)"), "windows were made")
    wait_until(lambda: "MoodcueNoIndex" in watcher.alerts(), "nobody has made an index")

    firing = [name for name, state in watcher.alerts().items() if state == "firing"]
    assert "MoodcueServiceDown" not in firing


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_can_send_traces(system: Compose, service: str) -> None:
    image = system.run("images", "-q", service).split()[0]
    system.docker("run", "--rm", "--entrypoint", "python", image, "-c", "import moodcue.otlp")
