"""Driving the compose file on a real engine, for tests and by hand.

The file is used as it is, with Compose version 2. Where the network of builds is closed they need
that of the host, which a second file adds.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_FILE = REPOSITORY / "docker-compose.yml"
# First, because another client of that name may lack the build plugin.
PATH = f"/usr/bin:{os.environ['PATH']}"


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
    environment: dict[str, str]
    profiles: tuple[str, ...] = ()

    def run(self, *arguments: str, timeout_seconds: float = 600) -> str:
        """Run a command of `docker compose` and return what it prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        files = ["-f", str(COMPOSE_FILE), "-f", str(self.override), "-p", self.project]
        profiles = [f"--profile={profile}" for profile in self.profiles]
        command = ["docker", "compose", *files, *profiles, *arguments]
        return _run(command, self.environment, timeout_seconds)

    def docker(self, *arguments: str, timeout_seconds: float = 120) -> str:
        """Run a command of docker and return what it prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        return _run(["docker", *arguments], {}, timeout_seconds)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.run("ps", "-q", service).split()


def _run(command: list[str], environment: dict[str, str], timeout_seconds: float) -> str:
    variables = {"PATH": PATH, "DOCKER_BUILDKIT": "1"}
    result = subprocess.run(
        command,
        env={**os.environ, **variables, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert result.returncode == 0, f"{command}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout


def override(folder: Path) -> Path:
    """Write the file that lets builds use the network of the host, and return its path."""
    compose: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    built = [name for name, service in compose["services"].items() if "build" in service]
    file = folder / "override.yml"
    services = {name: {"build": {"network": "host"}} for name in built}
    file.write_text(yaml.safe_dump({"services": services}))
    return file
