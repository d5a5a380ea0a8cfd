"""A broker, cameras and workers as processes of their own."""

import multiprocessing
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import TracebackType
from typing import Any, Final, Self

import psutil
import zmq

from moodcue.bus import BusAddress, Port
from moodcue.logs import configure_logging
from moodcue.settings import PREFIX
from scaling_cameras import CameraPlan, Sent, send_frames
from scaling_listener import START_SECONDS, BenchError, Listener
from scaling_workers import Taken, take_frames, take_from_cameras, wait_for_frames

END_SECONDS: Final = 10.0


class System:
    """A broker of its own, and whatever is started beside it; all of it ends with the context.

    Args:
        broker_cores: Cores that the broker may use, and no other process that is started here
            but `moodcue-fer`; none: any.
    """

    def __init__(self, *, broker_cores: frozenset[int] = frozenset()) -> None:
        self._processes: ForkServerContext = multiprocessing.get_context("forkserver")
        # Loaded once, and not by each of many workers.
        self._processes.set_forkserver_preload(["__main__", "moodcue_fer.worker"])
        allowed = frozenset(os.sched_getaffinity(0))
        self._broker_cores = broker_cores or allowed
        self._other_cores = (allowed - broker_cores) or allowed
        self._cameras: list[Connection] = []
        self._takers: list[Connection] = []
        self._workers = 0
        self._forked: list[ForkServerProcess] = []
        self._stack = ExitStack()
        self.address = BusAddress("127.0.0.1", free_ports())

    def __enter__(self) -> Self:
        with self._stack:
            with cores(self._broker_cores):
                broker = self._command("moodcue_broker", instance="bench")
            context: zmq.Context[zmq.Socket[bytes]] = self._stack.enter_context(zmq.Context())
            self.listener = Listener(context, self.address, psutil.Process(broker.pid))
            self._stack.enter_context(closing(self.listener))
            self.listener.next_moment_after(0, seconds=0)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._forked:
            process.terminate()
        self._stack.close()

    def start_cameras(
        self, plans: Sequence[CameraPlan], *, processes: int, to: BusAddress | None = None
    ) -> None:
        """Start cameras, so many processes for all, and let them send once all are connected.

        Args:
            plans: Of the cameras.
            processes: That they share.
            to: Where they send to, if not to the broker.
        """
        for first in range(processes):
            pipe = self._talk(send_frames, to or self.address, plans[first::processes])
            self._cameras.append(pipe)
        for pipe in self._cameras:
            _hear(pipe, "cameras")
        for pipe in self._cameras:
            pipe.send(None)

    def stop_cameras(self) -> Sent:
        """End the cameras and return what they did."""
        sent = Sent()
        for pipe in self._cameras:
            pipe.send(None)
        for pipe in self._cameras:
            sent += _hear(pipe, "cameras")
        self._cameras.clear()
        return sent

    def start_waiting_workers(self, count: int, *, wait_seconds: float) -> None:
        """Start workers that wait, each a process, and return when the broker knows them."""
        for number in range(self._workers, self._workers + count):
            self._fork(wait_for_frames, self.address, f"waiting-{number}", wait_seconds)
        self._wait_for_workers(count)

    def start_fer_workers(self, count: int) -> None:
        """Start `moodcue-fer run` so often, and return when the broker knows all of them."""
        for number in range(count):
            self.start_fer_worker(f"worker-{number}")
        self._wait_for_workers(count)

    def start_fer_worker(self, instance: str) -> None:
        """Start `moodcue-fer run`."""
        self._command("moodcue_fer", instance=instance)

    def start_takers(self, count: int, *, processes: int) -> None:
        """Start workers that only take frames, so many processes for all."""
        names = [f"fer/taker-{number}" for number in range(count)]
        for first in range(processes):
            self._takers.append(self._talk(take_frames, self.address, names[first::processes]))
        for pipe in self._takers:
            _hear(pipe, "takers")
        self._wait_for_workers(count)

    def start_taker_from_cameras(self) -> BusAddress:
        """Start one that takes frames from cameras themselves; return where they are to send."""
        address = BusAddress("127.0.0.1", free_ports())
        pipe = self._talk(take_from_cameras, address)
        self._takers.append(pipe)
        _hear(pipe, "taker")
        return address

    def stop_takers(self) -> list[Taken]:
        """End the takers and return all that they have taken."""
        for pipe in self._takers:
            pipe.send(None)
        taken = [each for pipe in self._takers for each in _hear(pipe, "takers")]
        self._takers.clear()
        return taken

    def _wait_for_workers(self, more: int) -> None:
        self._workers += more
        self.listener.listen_until(
            lambda: self.listener.last.count("workers") >= self._workers,
            seconds=START_SECONDS,
            what=f"{self._workers} workers at the broker",
        )

    def _talk(self, target: Callable[..., None], *arguments: object) -> Connection:
        ours, theirs = self._processes.Pipe()
        self._fork(target, theirs, *arguments)
        theirs.close()
        self._stack.callback(ours.close)
        return ours

    def _fork(self, target: Callable[..., None], *arguments: object) -> None:
        process = self._processes.Process(
            target=_run_on, args=(self._other_cores, target, arguments), daemon=True
        )
        process.start()
        self._forked.append(process)
        self._stack.callback(_end, process)

    def _command(self, module: str, *, instance: str) -> subprocess.Popen[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            "MOODCUE_BUS_PORT": str(self.address.port),
            "MOODCUE_INSTANCE": instance,
            "MOODCUE_LOG_LEVEL": "error",
        }
        process = subprocess.Popen([sys.executable, "-m", module, "run"], env=environment)
        self._stack.callback(_end_command, process)
        return process


def free_ports() -> int:
    """Return the first of five consecutive free ports, as a broker needs."""
    while True:
        first = random.randrange(20_000, 32_000)
        with ExitStack() as stack:
            try:
                for port in range(first, first + len(Port)):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return first


@contextmanager
def cores(wanted: frozenset[int]) -> Iterator[None]:
    """Let what is started inside run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _run_on(
    wanted: frozenset[int], target: Callable[..., None], arguments: Sequence[object]
) -> None:
    os.sched_setaffinity(0, wanted)
    configure_logging(service="bench", instance=target.__name__, level="error")
    target(*arguments)


def _hear(pipe: Connection, who: str) -> Any:
    if not pipe.poll(START_SECONDS):
        raise BenchError(f"the {who} did not answer within {START_SECONDS:g} s")
    try:
        return pipe.recv()
    except EOFError:
        raise BenchError(f"the process of the {who} has ended; its error is above") from None


def _end_command(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end(process: ForkServerProcess) -> None:
    process.join(END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
