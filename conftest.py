"""Fixtures for the tests of every distribution."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import zmq

from moodcue.bus import BusAddress, Port
from moodcue.errors import BusError
from moodcue.replay import replay

REPOSITORY = Path(__file__).resolve().parent
DEADLINE_SECONDS = 20.0
Context = zmq.Context[zmq.Socket[bytes]]


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


class KeepingContext(zmq.Context[zmq.Socket[bytes]]):
    """Holds on to its sockets, so that a test may leave the closing to `destroy`."""

    kept: ClassVar[list[zmq.Socket[bytes]]] = []

    def socket(self, *args: Any, **kwargs: Any) -> zmq.Socket[bytes]:
        """Open a socket and remember it."""
        self.kept.append(super().socket(*args, **kwargs))
        return self.kept[-1]


@pytest.fixture
def context() -> Iterator[Context]:
    """A ZeroMQ context that ends with the test, whatever a socket still holds."""
    made = KeepingContext()
    yield made
    made.destroy(linger=0)
    made.kept.clear()


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


@dataclass
class BrokerProcess:
    """A real broker in a process of its own, which a test may stop, kill and start again."""

    address: BusAddress
    context: Context
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        variables = {"MOODCUE_BUS_PORT": str(self.address.port), **self.environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moodcue_broker", "run"],
            env={**os.environ, **variables},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                replay(self.context, self.address, topic="status/", timeout_seconds=1.0)
            except BusError:
                continue
            return
        pytest.fail(f"the broker at {self.address} does not answer")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_SECONDS)
        self.process = None
        return code


@pytest.fixture
def broker(address: BusAddress, context: Context) -> Iterator[BrokerProcess]:
    """A running broker at `address`."""
    process = BrokerProcess(address, context)
    process.start()
    yield process
    if process.process is not None:
        process.stop(signal.SIGKILL)
