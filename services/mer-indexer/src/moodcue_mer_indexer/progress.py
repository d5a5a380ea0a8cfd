"""Show how far a long command is: a bar on a terminal, now and then a log line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_log = structlog.get_logger(__name__)

_LOG_INTERVAL_SECONDS = 10.0

T = TypeVar("T")


def show_progress(
    items: Iterable[T], *, total: int, label: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """Yield the items and show on stderr how many of the total have come.

    Args:
        items: Yielded as they come.
        total: How many there will be.
        label: What is done with them.
        clock: Seconds that never step; decides when a line is logged.
    """
    if sys.stderr.isatty():
        yield from _bar(items, total=total, label=label)
    else:
        yield from _lines(items, total=total, label=label, clock=clock)


def _bar(items: Iterable[T], *, total: int, label: str) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=label)


class _RateColumn(ProgressColumn):
    """Items a second, on average."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed / task.elapsed:.1f}/s" if task.elapsed else "")


def _lines(
    items: Iterable[T], *, total: int, label: str, clock: Callable[[], float]
) -> Iterator[T]:
    started = logged = clock()
    for done, item in enumerate(items, start=1):
        yield item
        now = clock()
        if now >= logged + _LOG_INTERVAL_SECONDS:
            logged = now
            rate = done / (now - started)
            _log.info(
                "step.progress",
                step=label,
                done=done,
                total=total,
                per_second=round(rate, 2),
                seconds_left=round((total - done) / rate),
            )
