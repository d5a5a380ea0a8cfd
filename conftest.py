"""Fixtures for the tests of every distribution."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq

from moodcue.bus import BusAddress, Port

REPOSITORY = Path(__file__).resolve().parent
DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces and music beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir() and os.environ.get("CI") != "true":
        pytest.skip(f"{folder} is not here")
    return folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("MOODCUE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A ZeroMQ context that ends with the test, whatever a socket still holds."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(linger=0)


def _free_ports(count: int) -> int:
    """Find a first port with `count - 1` free ones behind it."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, count):
        try:
            for port in range(first, first + count):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError(f"no {count} consecutive free ports")


@pytest.fixture
def address() -> BusAddress:
    """An address for a broker of this test's own."""
    return BusAddress("127.0.0.1", _free_ports(len(Port)))


Eventually = Callable[[Callable[[], object], str], None]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; fail with the given words when it does not come true."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        pause = threading.Event()
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not come true within {DEADLINE_SECONDS:g} s: {what}")
            pause.wait(0.01)

    return wait
