import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import BrokerProcess, Eventually

from moodcue.bus import BusAddress
from moodcue_recommender.sample_library import random_songs, write_library


@pytest.fixture
def log(address: BusAddress, tmp_path: Path) -> Iterator[Path]:
    """Log of a recommender that runs and has an index."""
    write_library(tmp_path / "index", random_songs(10), generation="first")
    variables = {
        "MOODCUE_BUS_PORT": str(address.port),
        "MOODCUE_RECOMMENDER_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_RECOMMENDER_STATE_DIR": str(tmp_path / "state"),
    }
    with (tmp_path / "log").open("wb") as errors:
        command = [sys.executable, "-m", "moodcue_recommender", "run"]
        process = subprocess.Popen(command, env={**os.environ, **variables}, stderr=errors)
        yield tmp_path / "log"
        process.kill()
        process.wait()


def readiness(log: Path) -> str:
    port = re.search(r'"health": (\d+)', log.read_text())
    if port is None:
        return "starting"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/readyz", timeout=5) as page:
            return str(page.read().decode().strip())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode().strip()


def test_a_recommender_is_ready_while_there_is_a_broker(
    broker: BrokerProcess, log: Path, eventually: Eventually
) -> None:
    eventually(lambda: readiness(log) == "ok", "ready")

    broker.stop(signal.SIGKILL)
    eventually(lambda: "no connection to the broker" in readiness(log), "not ready")

    broker.start()
    eventually(lambda: readiness(log) == "ok", "ready again")
