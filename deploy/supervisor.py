"""Keeps a set of processes running: starts them, restarts what dies, ends all in time."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from moodcue.errors import MoodcueError

GRACE_SECONDS = 4.0
MAX_RESTARTS = 3
RESTART_WINDOW_SECONDS = 60.0
MAX_LOG_BYTES = 10_000_000


class ChildFailedError(MoodcueError):
    """A process cannot be kept running."""


@dataclass
class Child:
    """A process to keep running.

    Attributes:
        name: for messages, for its log file, and its `MOODCUE_INSTANCE`.
        command: program and arguments.
    """

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: deque[float] = field(default_factory=deque)


class Supervisor:
    """Runs children from the beginning to the end of a `with` block.

    A child that ends with code 0 was told to, and is left alone. One that fails is started again,
    up to three times in a minute.

    Args:
        children: in the order in which they are started.
        environment: of all of them.
        logs: folder of their log files.
        say: told in one line what happens to them.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        environment: Mapping[str, str],
        logs: Path,
        say: Callable[[str], None],
    ) -> None:
        self._children = children
        self._environment = environment
        self._logs = logs
        self._say = say

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            for child in self._children:
                self._start(child)
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_all()

    def check(self) -> None:
        """Look after the children.

        Raises:
            ChildFailedError: if one keeps failing; with the last line of its log.
        """
        for child in self._children:
            self._bound_log(child)
            if child.process is None or (code := child.process.poll()) is None:
                continue
            child.process = None
            if code == 0:
                self._say(f"{child.name} has stopped; the others go on")
                continue
            self._note_failure(child, code)
            self._start(child)

    def _note_failure(self, child: Child, code: int) -> None:
        now = time.monotonic()
        while child.restarts and now - child.restarts[0] > RESTART_WINDOW_SECONDS:
            child.restarts.popleft()
        child.restarts.append(now)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed ({code})"
        if len(child.restarts) > MAX_RESTARTS:
            raise ChildFailedError(
                f"{child.name} {how} again and again: {self._last_words(child)} "
                f"(log: {self._log_of(child)})"
            )
        self._say(f"{child.name} {how}; starting it again")

    def _bound_log(self, child: Child) -> None:
        """Keep the newest of a long log: it goes on in an empty file, beside what was."""
        log = self._log_of(child)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)

    def _log_of(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"

    def _last_words(self, child: Child) -> str:
        lines = self._log_of(child).read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def _start(self, child: Child) -> None:
        log_path = self._log_of(child)
        if not child.restarts:
            log_path.unlink(missing_ok=True)
        # Appended to, so that it can be cut short under the process that writes it.
        with log_path.open("ab") as log:
            child.process = subprocess.Popen(
                [*_dying_with_parent(), *child.command],
                env={**self._environment, "MOODCUE_INSTANCE": child.name},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end_all(self) -> None:
        running = [child for child in self._children if child.process is not None]
        for child in running:
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in running:
            if child.process is not None and not _wait(child.process, deadline):
                self._say(f"{child.name} did not end in {GRACE_SECONDS:g} s and was killed")
                child.process.kill()
                child.process.wait()


def run_to_end(
    command: Sequence[str], environment: Mapping[str, str], stop: threading.Event
) -> tuple[int, str]:
    """Run a process in the foreground; end it early when told to stop.

    Returns:
        Its exit code, and what it printed on standard output.
    """
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            [*_dying_with_parent(), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            start_new_session=True,
        ) as process,
    ):
        while process.poll() is None and not stop.wait(0.05):
            pass
        if process.poll() is None:
            process.terminate()
            if not _wait(process, time.monotonic() + GRACE_SECONDS):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return process.returncode, output.read()


def _wait(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _dying_with_parent() -> list[str]:
    """Let the kernel end a child whose supervisor was killed, where util-linux is there."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
