import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moodcue_mer_indexer.memory import PeakMemory

MB = 1_000_000
TAKE_200_MB = """
taken = bytearray(200_000_000)
taken[::4096] = b"x" * len(taken[::4096])
"""
MAP_200_MB = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 0)
sum(shared[::4096])
"""
UNTIL_TOLD = "print('ready', flush=True); input()"


@contextmanager
def program(text: str, *arguments: str) -> Iterator[None]:
    """Run a program that has done its work, and is told to end in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{text}\n{UNTIL_TOLD}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.communicate(b"\n")


def megabytes(*programs: tuple[str, ...]) -> int:
    """Return what this process and programs take together."""
    with ExitStack() as running:
        for each in programs:
            running.enter_context(program(*each))
        with PeakMemory() as memory:
            pass
    assert memory.megabytes is not None
    return memory.megabytes


def test_the_memory_of_processes_that_were_started_counts() -> None:
    assert megabytes((TAKE_200_MB,)) > megabytes() + 190


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "shared"
    file.write_bytes(bytes(200 * MB))
    two = megabytes((MAP_200_MB, str(file)), (MAP_200_MB, str(file)))
    assert 190 < two - megabytes() < 300


def test_the_peak_stays_when_a_process_has_ended() -> None:
    deadline = time.monotonic() + 60
    with PeakMemory(every_seconds=0.01) as memory:
        while memory.megabytes is None:
            assert time.monotonic() < deadline
        before = memory.megabytes
        with program(TAKE_200_MB):
            while memory.megabytes < before + 190:
                assert time.monotonic() < deadline
        ended = memory.megabytes
    assert memory.megabytes >= ended
