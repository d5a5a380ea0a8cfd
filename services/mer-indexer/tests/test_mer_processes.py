import os
import signal
import subprocess
import sys
from collections.abc import Callable

SCRIPT = """
import os, time
from moodcue_mer_indexer.processes import worker_pool
if __name__ == "__main__":
    pool = worker_pool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_when_their_parent_is_killed(
    eventually: Callable[[Callable[[], object], str], None],
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
    assert is_alive(worker)

    parent.send_signal(signal.SIGKILL)
    parent.wait(10)

    eventually(lambda: not is_alive(worker), "the worker ends after its parent")
