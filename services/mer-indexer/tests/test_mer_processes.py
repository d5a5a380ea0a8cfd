import os
import signal
import subprocess
import sys
import threading

from fixtures import Eventually

from moodcue_mer_indexer.processes import Died, allow_seconds, run_in_order

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
    eventually: Eventually,
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
    assert is_alive(worker)

    parent.send_signal(signal.SIGKILL)
    parent.wait(10)

    eventually(lambda: not is_alive(worker), "the worker ends after its parent")


def behave(order: str) -> str:
    if order == "hang":
        # As a library does that never comes back to Python: no handler would run.
        threading.Event().wait()
    if order == "hang later":
        allow_seconds(2)
        threading.Event().wait()
    if order == "die":
        os._exit(7)
    if order == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return f"{order} done"


def test_answers_come_in_order_and_a_death_costs_its_own_item_alone() -> None:
    orders = ["a", "die", "b", "crash", "c", "d"]

    answers = list(run_in_order(behave, orders, workers=2, seconds=60))

    assert answers == [
        "a done",
        Died(exit_code=7),
        "b done",
        Died(exit_code=-signal.SIGSEGV),
        "c done",
        "d done",
    ]
    assert not any(answer.timed_out for answer in answers if isinstance(answer, Died))


def test_what_takes_too_long_is_ended_and_the_rest_goes_on() -> None:
    first, *rest = run_in_order(behave, ["hang", "a", "b"], workers=1, seconds=2)
    assert isinstance(first, Died)
    assert first.timed_out
    assert rest == ["a done", "b done"]

    later, last = run_in_order(behave, ["hang later", "a"], workers=1, seconds=600)
    assert isinstance(later, Died)
    assert later.timed_out
    assert last == "a done"
