"""Health of a process over HTTP: `/healthz`, `/readyz` and `/metrics`.

Health means that work is getting done. Two things tell: a pulse, which a loop beats whether or not
there is anything to do, and work, which is asked for and done.
"""

import math
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from moodcue.errors import SettingsError

_CLIENT_SECONDS = 10.0

Problem = str | None
"""What is wrong, in one sentence; None when all is well."""


class Pulse:
    """A sign of life that is due all the time, readable from other threads.

    Args:
        max_age_seconds: how long it may stay away.
        what: says what has not happened when it does.
        clock: seconds that never step.
    """

    def __init__(
        self,
        *,
        max_age_seconds: float = 10.0,
        what: str = "the working loop has not come round",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_age = max_age_seconds
        self._what = what
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Give the sign."""
        self._last = self._clock()

    def problem(self) -> Problem:
        """Say that it stays away, if it does."""
        age = self._clock() - self._last
        return f"{self._what} for {age:.0f} s" if age > self._max_age else None


class Work:
    """Whether what is asked of a service gets done. To be asked for nothing is well.

    It is ill when it was asked again and again for too long and nothing was done meanwhile, and
    until something is. One piece of work that never ends shows as a pulse that stops.

    Args:
        undone: says what comes and is not done.
        max_seconds: how long it may be asked in vain.
        pause_seconds: nothing asked for this long: what was asked before counts no more.
        clock: seconds that never step.
    """

    def __init__(
        self,
        undone: str,
        *,
        max_seconds: float,
        pause_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._undone = undone
        self._max = max_seconds
        self._pause = pause_seconds
        self._clock = clock
        self._asked: tuple[float, float] | None = None
        self._reason = ""

    def ask(self) -> None:
        """Note that something is to be done."""
        now = self._clock()
        asked = self._asked
        going_on = asked is not None and now - asked[1] <= self._pause
        self._asked = (asked[0] if asked and going_on else now, now)

    def done(self) -> None:
        """Note that something was done."""
        self._asked, self._reason = None, ""

    def fail(self, reason: str) -> None:
        """Note why it was not."""
        self._reason = reason

    def problem(self) -> Problem:
        """Say that nothing gets done, if so; from any thread."""
        asked = self._asked
        if asked is None or asked[1] - asked[0] <= self._max:
            return None
        because = f": {self._reason}" if self._reason else ""
        return f"{self._undone} for {asked[1] - asked[0]:.0f} s{because}"


class HealthServer:
    """Serves health and metrics from a thread of its own.

    Args:
        host: address to listen on.
        port: 0 takes a free one, see `port`.
        registry: metrics to show.
        alive: the problem that makes a restart necessary, if any.
        ready: the problem that keeps this process from doing its work, if any.

    Raises:
        SettingsError: if the port is taken.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        registry: CollectorRegistry,
        alive: Callable[[], Problem],
        ready: Callable[[], Problem],
    ) -> None:
        pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/healthz": lambda: _health_page(alive()),
            "/readyz": lambda: _health_page(alive() or ready()),
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(pages))
        except OSError as error:
            raise SettingsError(
                f"cannot serve health on {host}:{port}: {error.strerror}; set MOODCUE_HEALTH_PORT"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _health_page(problem: Problem) -> tuple[int, str, bytes]:
    status = 200 if problem is None else 503
    return status, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode()


def _handler(
    pages: dict[str, Callable[[], tuple[int, str, bytes]]],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CLIENT_SECONDS

        def do_GET(self) -> None:
            page = pages.get(self.path, lambda: (404, "text/plain", b"not found\n"))
            status, content_type, body = page()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep probes out of the log."""

    return Handler
