"""The library and the services."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.events.event import Event, Name, Nanoseconds


class IndexPublished(Event, frozen=True, kw_only=True, tag="index_published.v1"):
    """A hint that a new index lies on the volume; its manifest there is the truth."""

    generation: str
    songs: Annotated[int, Meta(ge=0)]
    model_sha256: str


class ServiceState(StrEnum):
    """How a service is."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPING = "stopping"


class Status(Event, frozen=True, kw_only=True, tag="status.v1"):
    """Heartbeat of a service, once a second. `detail` is a plain sentence when degraded."""

    service: Name
    instance: Name
    version: str
    state: ServiceState
    started: Nanoseconds
    detail: str = ""
    counters: dict[str, float] = msgspec.field(default_factory=dict)
