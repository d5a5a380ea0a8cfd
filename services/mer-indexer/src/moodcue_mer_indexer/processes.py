"""Worker processes that leave no trace: quiet on Ctrl-C, gone when their parent is."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Generic, TypeVar

from moodcue.logs import configure_logging

T = TypeVar("T")
R = TypeVar("R")

_IMPORTED_ONCE = (
    "moodcue_mer_indexer.analysis",
    "moodcue_mer_indexer.composer.library",
)

# Answers that wait for a slow one before them; a killed run does their work again.
_AHEAD_PER_WORKER = 32
_END_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Died:
    """Stands for the answer that a process did not live to give.

    Attributes:
        exit_code: Of the process; the negative number of the signal that ended it.
    """

    exit_code: int

    @property
    def timed_out(self) -> bool:
        """Whether it took longer than `allow_seconds` had allowed."""
        return self.exit_code == -signal.SIGALRM


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes that start at once and share no threads with this one."""
    return ProcessPoolExecutor(workers, mp_context=_context(), initializer=_prepare_worker)


def run_in_order(
    work: Callable[[T], R], items: Sequence[T], *, workers: int, seconds: int
) -> Iterator[R | Died]:
    """Do a piece of work in processes for each item, and yield the answers in the items' order.

    A process that dies costs the item that it worked at, and another one takes its place.

    Args:
        work: A function that can be pickled; it should not raise.
        items: What it is called with.
        workers: Processes.
        seconds: How long one item may take, unless the work calls `allow_seconds`.
    """
    context = _context()
    answers: dict[int, R | Died] = {}
    crew: dict[connection.Connection, _Member[T]] = {}
    begun = 0
    try:
        for place in range(len(items)):
            while place not in answers:
                while len(crew) < workers and begun < len(items):
                    member = _Member[T](context, work, seconds=seconds)
                    crew[member.connection] = member
                    member.give(begun, items[begun])
                    begun += 1
                busy = [member.connection for member in crew.values() if member.busy]
                for ready in connection.wait(busy):
                    assert isinstance(ready, connection.Connection)  # noqa: S101 - what was given
                    member = crew[ready]
                    answers[member.place] = member.answer()
                    if member.exit_code is not None:
                        del crew[ready]
                for member in crew.values():
                    if not member.busy and begun < min(
                        len(items), place + _AHEAD_PER_WORKER * workers
                    ):
                        member.give(begun, items[begun])
                        begun += 1
            yield answers.pop(place)
    finally:
        for member in crew.values():
            member.end()


def allow_seconds(seconds: float) -> None:
    """Have this process end if it is still at the same item after so many seconds from now on.

    Only for work in `run_in_order`. The system ends the process, also in the middle of a
    library's loop.
    """
    signal.alarm(math.ceil(seconds))


class _Member(Generic[T]):
    """A process that works at one item at a time."""

    def __init__(
        self, context: ForkServerContext, work: Callable[[T], Any], *, seconds: int
    ) -> None:
        self.connection, theirs = context.Pipe()
        self._process: ForkServerProcess = context.Process(
            target=_serve, args=(theirs, work, seconds), daemon=True
        )
        self._process.start()
        theirs.close()
        self.place = -1
        self.busy = False
        self.exit_code: int | None = None

    def give(self, place: int, item: T) -> None:
        self.place, self.busy = place, True
        # If it has died meanwhile, `answer` tells.
        try:
            self.connection.send(item)
        except OSError:
            return

    def answer(self) -> Any:
        """Return the answer that is ready, or how the process died."""
        self.busy = False
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            self.exit_code = self._process.exitcode
            self.connection.close()
            return Died(exit_code=self.exit_code or 0)

    def end(self) -> None:
        self.connection.close()
        if self.busy:
            self._process.kill()
        self._process.join(_END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(items: connection.Connection, work: Callable[[Any], Any], seconds: int) -> None:
    _prepare_worker()
    while True:
        try:
            item = items.recv()
        except (EOFError, OSError):
            return
        signal.alarm(seconds)
        answer = work(item)
        signal.alarm(0)
        items.send(answer)


def _context() -> ForkServerContext:
    """Return how processes are made: by a server that has imported what they need.

    It runs no threads of its own: to fork a process with threads can deadlock, and to spawn one
    costs seconds of imports each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED_ONCE])
    return context


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A new process begins with no configuration, which would log to stdout.
    configure_logging(service="mer-indexer", instance=str(os.getpid()))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent was killed; a pool's workers would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
