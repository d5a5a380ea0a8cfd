"""Start and end of a service: signals, heartbeat, health, traces, and errors as one clear line."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from moodcue import __version__
from moodcue.errors import MoodcueError, SettingsError
from moodcue.events import Event, ServiceState, Status
from moodcue.health import HealthServer, Problem, Pulse
from moodcue.identity import Clock, new_id, new_source, new_trace, system_clock
from moodcue.logs import configure_logging
from moodcue.settings import ServiceSettings
from moodcue.topics import Family, topic
from moodcue.tracing import Tracer

_STATUS_INTERVAL_SECONDS = 1.0

Counters = Callable[[], Mapping[str, float]]


class EventSender(Protocol):
    """What sends events: a `moodcue.bus.Publisher`, or the broker itself."""

    def send(self, topic: str, event: Event, body: bytes = b"") -> bool:
        """Send an event; False if it could not be."""
        ...


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(numbers: Sequence[int] = STOP_SIGNALS) -> Iterator[threading.Event]:
    """Give an event that signals set, so that a loop can end in its own time."""
    stop = threading.Event()
    read_end, write_end = os.pipe()
    # A handler that took the event's lock could meet itself, or the thread that waits, holding it.
    before = {
        number: signal.signal(number, lambda *_: os.write(write_end, b"\0")) for number in numbers
    }
    watcher = threading.Thread(target=_set_when_told, args=(stop, read_end), daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(write_end)
        watcher.join()
        os.close(read_end)


def _set_when_told(stop: threading.Event, read_end: int) -> None:
    while os.read(read_end, 1):
        stop.set()


@dataclass
class Heartbeat:
    """Publishes `status.v1` once a second, from the loop that does the work.

    Its source is a new one at each start, whatever that of the service's other events is.

    Attributes:
        publisher: sends the heartbeats; used in the loop's thread only.
        service: name of the service.
        instance: name of this process.
        counters: figures to send along.
        problem: what is wrong, if anything; makes the state `degraded`.
        clock: wall clock.
    """

    publisher: EventSender
    service: str
    instance: str
    counters: Counters
    problem: Callable[[], Problem] = lambda: None
    clock: Clock = system_clock
    _started: int = field(default=0, init=False)
    _source: str = field(default="", init=False)
    _seq: int = field(default=0, init=False)
    _next: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._source = new_source(self.service, self.instance)

    def tick(self) -> None:
        """Send a heartbeat if one is due; call it whenever the loop comes round."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _STATUS_INTERVAL_SECONDS
            problem = self.problem()
            self.send(ServiceState.DEGRADED if problem else ServiceState.RUNNING, problem or "")

    def send(self, state: ServiceState, detail: str = "") -> None:
        """Send a status at once."""
        name = topic(Family.STATUS, self.service, self.instance)
        self._seq += 1
        status = Status(
            id=new_id(),
            source=self._source,
            seq=self._seq,
            time=self.clock(),
            trace=new_trace(),
            service=self.service,
            instance=self.instance,
            version=__version__,
            state=state,
            started=self._started,
            detail=detail,
            counters=dict(self.counters()),
        )
        self.publisher.send(name, status)


@dataclass(frozen=True)
class Running:
    """What a service's loop heeds: set when it is to stop, and the sign of life that it gives."""

    stop: threading.Event
    pulse: Pulse


@contextmanager
def running(
    settings: ServiceSettings,
    *,
    service: str,
    registry: CollectorRegistry,
    alive: Callable[[], Problem] = lambda: None,
    ready: Callable[[], Problem] = lambda: None,
) -> Iterator[Running]:
    """Log the start, serve health and metrics, and stop on signals, around a service's loop.

    Args:
        settings: of the service; logged.
        service: its name.
        registry: its metrics.
        alive: what a restart may mend, besides a loop that is stuck; called from another thread.
        ready: what keeps it from doing its work, if anything; called from another thread.

    Raises:
        SettingsError: if the health port is taken.
    """
    configure_logging(service=service, instance=settings.instance, level=settings.log_level)
    log = structlog.get_logger(__name__)
    pulse = Pulse(max_age_seconds=settings.stall_seconds)

    def living() -> Problem:
        return pulse.problem() or alive()

    # When each figure began is half of what reading them takes, and nobody asks for it.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves it out
    register_process(registry, problem=lambda: living() or ready())
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        health = stack.enter_context(
            HealthServer(
                host=settings.health_host,
                port=settings.health_port,
                registry=registry,
                alive=living,
                ready=ready,
            )
        )
        log.info("service.started", version=__version__, health=health.port, **settings.masked())
        yield Running(stop, pulse)
        log.info("service.stopped")


def register_process(registry: CollectorRegistry, *, problem: Callable[[], Problem]) -> None:
    """Register what `/metrics` tells of every service: version, readiness, and what it takes.

    Args:
        registry: of the service.
        problem: what keeps it from doing its work; asked at every scrape.
    """
    Info("moodcue_build", "Version of this process", registry=registry).info(
        {"version": __version__}
    )
    Gauge(
        "moodcue_ready", "1 while /readyz answers 200, 0 while work is kept back", registry=registry
    ).set_function(lambda: float(problem() is None))
    ProcessCollector(registry=registry)


@contextmanager
def opened_tracer(settings: ServiceSettings, *, service: str) -> Iterator[Tracer | None]:
    """Give a tracer while the block runs; None if no collector is set, and then nothing is loaded.

    Args:
        settings: of the service.
        service: its name.

    Raises:
        SettingsError: if a collector is set and the libraries for it are not installed.
    """
    if settings.otlp_endpoint is None:
        yield None
        return
    try:
        from moodcue.otlp import OtlpTracer  # noqa: PLC0415 - loaded only where it is wanted
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={settings.otlp_endpoint}: {error.name} is not installed; "
            "install moodcue[tracing], or unset the variable"
        ) from error
    tracer = OtlpTracer(
        settings.otlp_endpoint,
        service=service,
        instance=settings.instance,
        ratio=settings.trace_ratio,
    )
    try:
        yield tracer
    finally:
        tracer.close()


_REMEDIES = {
    errno.ENOSPC: "make room, then run the same command again",
    errno.EDQUOT: "make room, then run the same command again",
    errno.EROFS: "name a folder that can be written to",
    errno.EACCES: "name another place, or allow this user to use it",
    errno.EPERM: "name another place, or allow this user to use it",
    errno.ENOENT: "name one that is there, or make its folder first",
}


def run_command(name: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    An error on purpose and one of the system, such as a full disk, become one clear line on stderr
    and exit code 1; a reader of stdout that has gone, as `head` does, ends it with 141.
    """
    try:
        return command()
    except MoodcueError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    except BrokenPipeError:
        # Else the interpreter complains when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"{name}: {_system_error(error)}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except KeyboardInterrupt:
        return 130


def _system_error(error: OSError) -> str:
    what = error.strerror or str(error)
    where = f"{error.filename}: " if error.filename else ""
    # NumPy says how much of an array it could write, but not why.
    full = errno.ENOSPC if "requested and" in what else None
    remedy = _REMEDIES.get(error.errno or full or 0)
    return f"{where}{what}: {remedy}" if remedy else f"{where}{what}"
