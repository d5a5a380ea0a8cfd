"""Forks processes of the services, which it has imported once; see `service_process`.

Each line on stdin is a request, answered by one line: ``{"start": …}`` by the process id,
``{"poll": id}`` by the exit code, or null while the process runs.
"""

import importlib
import json
import multiprocessing
import os
import runpy
import sys
from typing import Any

# A child of it ends without the destructors of C++, which would wait for threads that were not
# forked: ONNX Runtime starts one when it is imported.
_FORK = multiprocessing.get_context("fork")


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


def main() -> None:
    """Serve until stdin ends."""
    processes: dict[int, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            answer = processes[request["poll"]].exitcode
        else:
            importlib.import_module(f"{request['module']}.app")
            process = _FORK.Process(target=_become, args=(request,))
            process.start()
            assert process.pid is not None
            answer = process.pid
            processes[answer] = process
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol
    # What a test has left running is not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
