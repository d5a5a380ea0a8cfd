"""Forks processes of the services, which it has imported once; see `service_process`.

Each line on stdin is a request, answered by one line: ``{"start": …}`` by the process id,
``{"poll": id}`` by the exit code, or null while the process runs.
"""

import importlib
import json
import os
import runpy
import sys
from typing import Any


def _become(request: dict[str, Any]) -> None:
    """Run the module of a request in this process, as ``python -m`` would."""
    for number, name in enumerate((os.devnull, request["stdout"], request["stderr"])):
        target = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(target, number)
        os.close(target)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _exit_code(process: int) -> int | None:
    done, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def main() -> None:
    """Serve until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            answer = _exit_code(request["poll"])
        else:
            importlib.import_module(f"{request['module']}.app")
            answer = os.fork()
            if answer == 0:
                _become(request)
                return
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
