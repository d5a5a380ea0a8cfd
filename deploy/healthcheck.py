"""Ask the service of this container whether it is ready: exit code 0, or 1 with the reason.

It runs every few seconds beside each service, so it imports little: `python -S healthcheck.py`.
"""

import http.client
import os
import sys

_OK = 200


def main(port: str) -> int:
    """Probe `/readyz` on a port of this machine; returns the exit code."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=3)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        reason = answer.read().decode(errors="replace").strip()
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"no answer on port {port}: {error}")
        return 1
    print(reason)
    return 0 if answer.status == _OK else 1


if __name__ == "__main__":
    sys.exit(main(os.environ["MOODCUE_HEALTH_PORT"]))
