"""Driving the compose file on a real engine, for tests and by hand.

The file is used as it is, with Compose version 2. Where the network of builds is closed they need
that of the host, which a second file adds.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_FILE = REPOSITORY / "docker-compose.yml"
VERSION = "test"
"""Of the images, so that somebody's own stay as they are."""

# First, because another client of that name may lack the build plugin.
PATH = f"/usr/bin:{os.environ['PATH']}"

_PROCESS_OF_SERVICE = (
    "import os, pathlib, signal; "
    "[child] = pathlib.Path('/proc/1/task/1/children').read_text().split(); "
    "os.kill(int(child), signal.SIGKILL)"
)


@dataclass(frozen=True)
class Compose:
    """A compose project on the engine of this machine.

    Attributes:
        override: a compose file that changes a little for tests.
        project: its name, so that a test does not meet somebody's running Moodcue.
        environment: variables that the compose file reads.
        profiles: what runs besides the services that always do.
    """

    override: Path
    project: str
    environment: Mapping[str, str]
    profiles: tuple[str, ...] = ()

    def run(self, *arguments: str, timeout_seconds: float = 600) -> str:
        """Run a command of `docker compose` and return what it prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        files = ["-f", str(COMPOSE_FILE), "-f", str(self.override), "-p", self.project]
        profiles = [f"--profile={profile}" for profile in self.profiles]
        command = ["docker", "compose", *files, *profiles, *arguments]
        return run(command, timeout_seconds=timeout_seconds, environment=self.environment)

    def docker(self, *arguments: str, timeout_seconds: float = 120) -> str:
        """Run a command of docker and return what it prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        return docker(*arguments, timeout_seconds=timeout_seconds)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.run("ps", "-q", service).split()

    def with_profile(self, profile: str) -> "Compose":
        """Return the same project with a profile more."""
        return replace(self, profiles=(*self.profiles, profile))

    def with_environment(self, **environment: str) -> "Compose":
        """Return the same project with variables more."""
        return replace(self, environment={**self.environment, **environment})


def docker(*arguments: str, timeout_seconds: float = 120) -> str:
    """Run a command of docker and return what it prints.

    Raises:
        AssertionError: with its output, if it fails.
    """
    return run(["docker", *arguments], timeout_seconds=timeout_seconds)


def inspect(what: str) -> dict[str, Any]:
    """Return all that the engine knows of a container or an image."""
    [known] = json.loads(docker("inspect", what))
    return dict(known)


def crash(container: str) -> None:
    """End the process of a service as a crash does; `docker kill` would count as a stop."""
    # What does it ends with the container, and so must not be waited for.
    docker("exec", "--detach", container, "python", "-c", _PROCESS_OF_SERVICE)


def run(
    command: list[str],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] = MappingProxyType({}),
    stderr: int = subprocess.PIPE,
) -> str:
    """Run a command with Docker's client first on the path, and return what it prints.

    Raises:
        AssertionError: with its output, if it fails.
    """
    result = subprocess.run(
        command,
        env={**os.environ, "PATH": PATH, "DOCKER_BUILDKIT": "1", **environment},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    said = result.stdout[-3000:] + (result.stderr or "")[-3000:]
    assert result.returncode == 0, f"{command}: {said}"
    return result.stdout


def override(folder: Path) -> Path:
    """Write the file that lets builds use the network of the host, and return its path."""
    compose: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    built = [name for name, service in compose["services"].items() if "build" in service]
    file = folder / "override.yml"
    services = {name: {"build": {"network": "host"}} for name in built}
    file.write_text(yaml.safe_dump({"services": services}))
    return file


def build(folder: Path) -> Compose:
    """Build all images that a start without a profile needs, and return the project.

    Args:
        folder: where the file is written that changes the build for tests.
    """
    project = Compose(override(folder), "moodcue-test", {"VERSION": VERSION})
    project.run("build", timeout_seconds=1500)
    return project


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 180) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds:g} s: {what}"
        pause.wait(0.5)
