"""Worker processes that leave no trace: quiet on Ctrl-C, gone when their parent is."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection

from moodcue.logs import configure_logging

__all__ = ["worker_pool"]


_IMPORTED_ONCE = (
    "moodcue_mer_indexer.analysis",
    "moodcue_mer_indexer.composer.library",
)


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes that start at once and share no threads with this one.

    They are forked by a server that has imported what they need and runs no threads of its own:
    to fork a process with threads can deadlock, and to spawn one costs seconds of imports each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED_ONCE])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


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
