"""Driving the compose file on a real engine, for tests and by hand.

The file is written for Compose v2. Debian's docker-compose 1.29 does not know its `name`, and where
the network of builds is closed they need that of the host; both are changed in a copy.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# First, because another client of that name may lack the build plugin.
PATH = f"/usr/bin:{os.environ['PATH']}"


@dataclass(frozen=True)
class Compose:
    """A compose project on the engine of this machine.

    Attributes:
        file: the changed copy of the compose file.
        project: its name, so that a test does not meet somebody's running Moodcue.
        environment: variables that the compose file reads.
    """

    file: Path
    project: str
    environment: dict[str, str]

    def run(self, *arguments: str, timeout_seconds: float = 600) -> str:
        """Run a command of docker-compose and return what it prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        command = ["docker-compose", "-f", str(self.file), "-p", self.project]
        return _run([*command, *arguments], self.environment, timeout_seconds)

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
    variables = {"PATH": PATH, "DOCKER_BUILDKIT": "1", "COMPOSE_DOCKER_CLI_BUILD": "1"}
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


def derive(folder: Path) -> Path:
    """Write the copy that docker-compose 1.29 reads, and return its path."""
    compose: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    del compose["name"]
    for name in [name for name in compose if name.startswith("x-")]:
        del compose[name]
    for service in compose["services"].values():
        service["build"] = {**service["build"], "context": str(REPOSITORY), "network": "host"}
    file = folder / "docker-compose.yml"
    file.write_text(yaml.safe_dump(compose, sort_keys=False))
    return file
