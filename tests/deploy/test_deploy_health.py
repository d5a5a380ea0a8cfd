"""Health as Docker tells it of containers that are alive, on a real engine."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from compose import Compose, override
from mjpeg_server import MjpegServer

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """A broker and one worker, and the network for a camera."""
    made = Compose(override(tmp_path_factory.mktemp("compose")), "moodcue-health", {})
    made.run("build", "broker", "camera", "fer", timeout_seconds=1000)
    made.run("down", "--volumes")
    made.run("up", "-d", "--scale", "fer=1", "broker", "fer")
    yield made
    made.run("down", "--volumes")


def host_seen_from_inside(project: Compose) -> str:
    """Return the address of this machine on the network of the project."""
    wanted = "{{(index .IPAM.Config 0).Gateway}}"
    return project.docker("network", "inspect", "-f", wanted, f"{project.project}_bus").strip()


def state(project: Compose, service: str, field: str) -> str:
    [container] = project.containers(service)
    return project.docker("inspect", "-f", "{{json .State." + field + "}}", container).strip()


def becomes(project: Compose, service: str, health: str, *, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while state(project, service, "Health.Status") != f'"{health}"':
        assert time.monotonic() < deadline, state(project, service, "Health")
        pause.wait(0.5)


def test_a_camera_whose_stream_falls_silent_is_unhealthy_until_pictures_come_again(
    project: Compose,
) -> None:
    with closing(MjpegServer(host_seen_from_inside(project))) as stream:
        streaming = replace(project, environment={"CAMERA": stream.url})
        streaming.run("up", "-d", "--no-deps", "camera")
        becomes(streaming, "camera", "healthy")
        started = state(streaming, "camera", "StartedAt")

        stream.silent.set()
        becomes(streaming, "camera", "unhealthy")
        assert stream.url in state(streaming, "camera", "Health.Log")
        # Nobody sends it a frame, and that is no illness.
        becomes(streaming, "fer", "healthy")

        stream.silent.clear()
        becomes(streaming, "camera", "healthy")
        assert state(streaming, "camera", "StartedAt") == started
        assert state(streaming, "camera", "Status") == '"running"'
