"""Messages between one client and the broker: asking for frames, asking for a replay."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Control(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the control messages."""


class WorkerReady(Control, frozen=True, kw_only=True, tag="worker_ready.v1"):
    """A worker is free and asks for exactly one newest frame.

    While it waits it repeats this once a second, unchanged, so that a restarted broker learns of
    it: the broker takes a repetition for a sign of life, not for a second wish, because `done`
    does not name a frame that is on its way.
    """

    worker: Annotated[str, Meta(description="source name of the worker")]
    done: Annotated[str, Meta(description="id of the frame it has just finished")] = ""


class WorkerPing(Control, frozen=True, kw_only=True, tag="worker_ping.v1"):
    """A worker is alive, though a frame takes it long."""

    worker: str


class WorkerBye(Control, frozen=True, kw_only=True, tag="worker_bye.v1"):
    """A worker stops. A frame that crosses this on its way is left alone and goes to another."""

    worker: str
    done: Annotated[str, Meta(description="id of the frame it has just finished")] = ""


class ReplayRequest(Control, frozen=True, kw_only=True, tag="replay_request.v1"):
    """Ask for the kept events of all topics that begin with `topic`."""

    topic: str
    after_seq: Annotated[
        int, Meta(ge=0, description="only what came after this number; 0: all that is kept")
    ] = 0


class ReplayEnd(Control, frozen=True, kw_only=True, tag="replay_end.v1"):
    """Closes the answer to a replay request."""

    events: Annotated[int, Meta(ge=0, description="how many were sent")]
    complete: Annotated[
        bool, Meta(description="false: older ones that were asked for are gone, or too many")
    ]


CONTROL_TYPES: tuple[type[Control], ...] = (
    WorkerReady,
    WorkerPing,
    WorkerBye,
    ReplayRequest,
    ReplayEnd,
)

AnyControl = WorkerReady | WorkerPing | WorkerBye | ReplayRequest | ReplayEnd
