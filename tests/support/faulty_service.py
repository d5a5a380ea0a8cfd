"""Run a service of which one function goes wrong while a file exists.

    faulty_service.py SERVICE MODULE:FUNCTION hang|fail FILE

A function that hangs comes back when the file is gone; one that fails raises.
"""

import functools
import importlib
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.02
WORDS = "a fault for the test"


def main() -> None:
    """Put the fault in place, then become the service."""
    package, target, fault, file = sys.argv[1:]
    module_name, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module_name))
    setattr(owner, name, _faulty(getattr(owner, name), fault=fault, file=Path(file)))
    sys.argv = [package, "run"]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


def _faulty(function: Callable[..., Any], *, fault: str, file: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def replaced(*arguments: Any, **named: Any) -> Any:
        while fault == "hang" and file.exists():
            time.sleep(LOOK_SECONDS)
        if fault == "fail" and file.exists():
            raise RuntimeError(WORDS)
        return function(*arguments, **named)

    return replaced


if __name__ == "__main__":
    main()
