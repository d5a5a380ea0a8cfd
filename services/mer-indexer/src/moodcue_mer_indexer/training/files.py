"""Files of a training run that are there whole or not at all."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.processes import worker_pool


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside another one to write, which takes its place at the end.

    Args:
        path: What is to be written; its folder is created if need be. The file beside it has the
            same suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp{path.suffix}")
    yield temporary
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON in UTF-8."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def compute_missing(
    sources: Sequence[Path],
    targets: Sequence[Path],
    *,
    compute: Callable[[Path], NDArray[Any]],
    workers: int,
) -> None:
    """Compute the arrays of those sources whose target is not there yet.

    Args:
        sources: Files to compute from.
        targets: ``.npy`` file of each.
        compute: From a source to its array; can be sent to another process.
        workers: Processes.
    """
    missing = [(s, t) for s, t in zip(sources, targets, strict=True) if not t.is_file()]
    if missing:
        with worker_pool(workers) as pool:
            list(pool.map(partial(_compute, compute=compute), missing, chunksize=8))


def _compute(job: tuple[Path, Path], *, compute: Callable[[Path], NDArray[Any]]) -> None:
    source, target = job
    with replacing(target) as temporary:
        np.save(temporary, compute(source))
