"""What the fixtures of `conftest.py` give, for tests that name it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import zmq
from service_process import ServiceProcess

from moodcue.bus import BusAddress
from moodcue.errors import BusError
from moodcue.replay import replay

DEADLINE_SECONDS = 20.0

Context = zmq.Context[zmq.Socket[bytes]]

Eventually = Callable[[Callable[[], object], str], None]
"""Waits until a condition holds; fails with the given words when it does not come true."""


@dataclass
class BrokerProcess:
    """A real broker in a process of its own, which a test may stop, kill and start again."""

    address: BusAddress
    context: Context
    environment: dict[str, str] = field(default_factory=dict)
    process: ServiceProcess | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        variables = {"MOODCUE_BUS_PORT": str(self.address.port), **self.environment}
        self.process = ServiceProcess("moodcue_broker", "run", environment=variables)
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
        code = self.process.stop(number)
        self.process = None
        return code
