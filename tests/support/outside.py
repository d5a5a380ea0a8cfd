"""What tests take from outside of the project: programs, servers and files that are installed."""

import os
import socket
import threading
from pathlib import Path
from typing import NoReturn

import pytest

_ATTEMPTS = 2000
_PAUSE_SECONDS = 0.01


def missing(what: str) -> NoReturn:
    """Skip the test, but never in CI, where it fails.

    Args:
        what: says what is not there, and what brings it.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def wait_until_listening(port: int, *, log: Path) -> None:
    """Wait until something listens on a port of this machine; else fail with what it logged."""
    pause = threading.Event()
    for _ in range(_ATTEMPTS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(_PAUSE_SECONDS)
    pytest.fail(f"nothing listens on port {port}: {log.read_text()}")
