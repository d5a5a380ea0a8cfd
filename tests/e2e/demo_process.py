"""Running the demo as a user does, in a folder of the test's own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 240.0
SERVICES = ("broker", "camera", "fer-1", "fer-2", "aggregator", "recommender", "gateway")


@dataclass
class Demo:
    """A running demo.

    Attributes:
        folder: where it keeps its state.
        bus_port: first port of its broker.
        page_port: of its page.
        lines: what it has printed so far, with the time of each line.
    """

    folder: Path
    bus_port: int
    page_port: int
    lines: list[tuple[float, str]] = field(default_factory=list)
    reader: threading.Thread | None = None

    def start(self, *arguments: str, **variables: str) -> None:
        """Start it and read what it prints."""
        ports = ["--bus-port", str(self.bus_port), "--port", str(self.page_port)]
        self.process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "deploy" / "demo.py"), *ports, *arguments],
            cwd=self.folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join(line for _, line in self.lines)

    def wait_for(self, pattern: str, *, count: int = 1) -> float:
        """Wait until so many lines match; return when the last one came."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            found = [when for when, line in self.lines if re.search(pattern, line)]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None, f"the demo has ended:\n{self.text}"
            pause.wait(0.05)
        raise AssertionError(f"{pattern!r} was not printed {count} times:\n{self.text}")

    def children(self) -> dict[str, psutil.Process]:
        """Return its processes by the name of the instance."""
        return {
            child.environ()["MOODCUE_INSTANCE"]: child
            for child in psutil.Process(self.process.pid).children()
        }

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        """End it and whatever it has left, in a hurry."""
        if self.reader is None:
            return
        if self.process.poll() is None:
            for process in psutil.Process(self.process.pid).children(recursive=True):
                process.kill()
            self.stop(signal.SIGKILL)
        self.reader.join(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
