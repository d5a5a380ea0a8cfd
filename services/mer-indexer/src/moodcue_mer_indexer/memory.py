"""How much memory a piece of work takes, together with the processes that it starts."""

import threading
from types import TracebackType
from typing import Final, Self

import psutil

_EVERY_SECONDS: Final = 1.0


class PeakMemory:
    """Looks once a second, while it is entered, how much memory this process and its own take.

    What several of them share counts once (PSS). Of a peak between two looks it knows nothing.

    Args:
        every_seconds: Time between two looks.

    Attributes:
        megabytes: The most of all looks; None where the system does not tell, as only Linux does.
    """

    def __init__(self, *, every_seconds: float = _EVERY_SECONDS) -> None:
        self.megabytes: int | None = None
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            sizes = [_bytes_of(each) for each in [process, *process.children(recursive=True)]]
            if None in sizes:
                return
            self.megabytes = max(self.megabytes or 0, round(sum(filter(None, sizes)) / 1e6))
            if self._over.wait(self._every_seconds):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def _bytes_of(process: psutil.Process) -> int | None:
    try:
        return getattr(process.memory_full_info(), "pss", None)
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return None
