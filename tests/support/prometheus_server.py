"""A real Prometheus with the configuration that ships, and its tool that checks it."""

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from outside import missing

OBSERVABILITY = Path(__file__).resolve().parents[2] / "deploy" / "observability"
_DEADLINE_SECONDS = 30.0

Targets = Mapping[str, Sequence[int]]
"""By name of a service in the compose file, the ports on this machine."""


def find_tool(name: str) -> str:
    """Find a program of Prometheus; skip the test without it, but never in CI."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is missing; deploy/testing/install-tools.sh installs it")
    return path


def write_configuration(folder: Path, targets: Targets) -> Path:
    """Write what ships, but with targets on this machine and figures every second.

    The targets keep the name that DNS would have found them by, so the rules of labels are those
    that ship.
    """
    configuration = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [
        str(OBSERVABILITY / name) for name in configuration["rule_files"]
    ]
    [job] = configuration["scrape_configs"]
    [discovery] = job.pop("dns_sd_configs")
    assert set(targets) <= set(discovery["names"])
    job["static_configs"] = [
        {
            "targets": [f"127.0.0.1:{port}" for port in ports],
            "labels": {"__meta_dns_name": name},
        }
        for name, ports in targets.items()
    ]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    return file


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask its API; returns the data.

        Raises:
            AssertionError: with its words, if it does not understand.
        """
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310 - our own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Evaluate PromQL now; returns labels and value of every element."""
        result = self.ask("query", query=expression)
        if result["resultType"] == "scalar":
            return [({}, float(result["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in result["result"]]

    def value(self, expression: str) -> float | None:
        """Evaluate PromQL that gives one number; None where it gives nothing."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def alerts(self) -> dict[str, str]:
        """Return the state of every alert that is pending or firing, by its name."""
        return {one["labels"]["alertname"]: one["state"] for one in self.ask("alerts")["alerts"]}


@contextmanager
def prometheus(folder: Path, port: int, targets: Targets) -> Iterator[Prometheus]:
    """Run a Prometheus until the block ends."""
    program = find_tool("prometheus")
    configuration = write_configuration(folder, targets)
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        _wait_until_ready(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_ready(running: Prometheus, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{running.url}/-/ready", timeout=5):  # noqa: S310 - our own
                return
        except OSError:
            pause.wait(0.05)
    pytest.fail("prometheus does not get ready; see its log")
