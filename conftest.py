"""Fixtures for the tests of every distribution."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import pytest
import zmq
from fixtures import DEADLINE_SECONDS, BrokerProcess, Context, Eventually
from outside import missing

from moodcue.bus import BusAddress, Port

REPOSITORY = Path(__file__).resolve().parent
PORTS_PER_TEST = len(Port) + 4

# Tests run beside each other. Threads of one that wait for each other on a core that another test
# has take twenty times as long. Set before torch and numpy are loaded, and for what tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("moodcue", deadline=None)
hypothesis.settings.load_profile("moodcue")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all demos to one worker, and first: they share one composed library and take longest.

    `--dist loadgroup` does not: pytest-xdist 3.8 marks groups where pytest 9 does not look.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - the tests run without it too

    class OneWorkerForDemos(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            return "demos" if nodeid.startswith("tests/e2e/") else nodeid

    return OneWorkerForDemos(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces and music beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        missing(f"{folder} is not here")
    return folder


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Processes of the tests heed SIGINT, also where a shell started all this in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    ours = ("MOODCUE_", "OTEL_")
    for name in [name for name in os.environ if name.startswith(ours)]:
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


def _port_blocks() -> Iterator[int]:
    """Yield first ports, each once: no other worker of pytest-xdist has the same.

    The kernel gives ports from 32768 on to whoever asks for any, so those are left to it.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    blocks = range(10_000 + PORTS_PER_TEST * worker, 32_000, PORTS_PER_TEST * workers)
    # Another run of the tests on this machine begins elsewhere.
    first = os.getpid() * 7 % len(blocks)
    yield from [*blocks[first:], *blocks[:first]]


_blocks = _port_blocks()


def _free_ports() -> int:
    """Return the first of `PORTS_PER_TEST` free ports that no test of this process has had."""
    for first in _blocks:
        try:
            for port in range(first, first + PORTS_PER_TEST):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("all blocks of ports were used or are taken")


@pytest.fixture
def address() -> BusAddress:
    """An address for a broker of this test's own; a few ports behind the broker's are free too."""
    return BusAddress("127.0.0.1", _free_ports())


@pytest.fixture
def deadline_seconds() -> float:
    """How long `eventually` waits; tests that start much more than others say it anew."""
    return DEADLINE_SECONDS


@pytest.fixture
def eventually(deadline_seconds: float) -> Eventually:
    """Wait until a condition holds; fail with the given words when it does not come true."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + deadline_seconds
        pause = threading.Event()
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not come true within {deadline_seconds:g} s: {what}")
            pause.wait(0.01)

    return wait


@pytest.fixture
def broker(address: BusAddress, context: Context) -> Iterator[BrokerProcess]:
    """A running broker at `address`."""
    process = BrokerProcess(address, context)
    process.start()
    yield process
    if process.process is not None:
        process.stop(signal.SIGKILL)
