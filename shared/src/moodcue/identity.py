"""Ids, trace ids, source names and the clock."""

import secrets
import socket
import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives the time in nanoseconds since 1970, UTC; injected wherever time decides something."""

system_clock: Clock = time.time_ns

NS_PER_SECOND = 1_000_000_000

LONGEST_INSTANCE = 40
"""Characters of the name of a process among those of its service."""

LONGEST_CAMERA = 57
"""Characters of the name of a camera of ours: `new_source` adds seven, and a name has 64."""


def new_id() -> str:
    """Make an id of 32 hex digits that sorts by time: 12 of milliseconds, 20 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def new_trace() -> str:
    """Make a W3C trace id: 32 hex digits."""
    return secrets.token_hex(16)


def new_source(service: str, instance: str) -> str:
    """Name a source for one life of a process, whose sequence numbers begin at 1."""
    return f"{service}/{instance}-{secrets.token_hex(3)}"


def host_name() -> str:
    """Name of this host, cut to what may stand in a topic; inside a container its short id."""
    kept = "".join(c if c.isalnum() or c in "_.-" else "-" for c in socket.gethostname())
    return kept.strip("_.-")[:LONGEST_INSTANCE] or "localhost"
