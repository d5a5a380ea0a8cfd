"""Real processes of the services that start in no time.

Most of a service's start is spent on imports. A fork server makes them once per run of the tests;
what it forks is a process of its own, with its own signals, sockets and exit code.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["GRACE_SECONDS", "ServiceProcess"]

GRACE_SECONDS = 10.0
"""What a service has to end after SIGTERM, as in the Compose file."""

_DEADLINE_SECONDS = 20.0


class _ForkServer:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)

    def ask(self, **request: Any) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer: int | None = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


_fork_server = cache(_ForkServer)


class ServiceProcess:
    """A service as ``python -m MODULE ARGUMENTS`` starts it, in the environment of the test.

    Args:
        module: Package of the service.
        arguments: Of its command line.
        environment: Variables beside those of the test.
        output: File for its stdout; it is appended to.
        errors: File for its stderr; it is appended to.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        output: Path | str = os.devnull,
        errors: Path | str = os.devnull,
    ) -> None:
        for name in (output, errors):
            # There before the process writes, for those who read at once.
            Path(name).open("ab").close()
        pid = _fork_server().ask(
            module=module,
            arguments=arguments,
            environment={**os.environ, **(environment or {})},
            stdout=str(output),
            stderr=str(errors),
        )
        assert pid is not None
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.returncode = _fork_server().ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout_seconds: float = _DEADLINE_SECONDS) -> int:
        """Return the exit code as soon as there is one."""
        deadline = time.monotonic() + timeout_seconds
        pause = threading.Event()
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"it runs after {timeout_seconds:g} s"
            pause.wait(0.005)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, whatever it does."""
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.send_signal(number)
        return self.wait()
