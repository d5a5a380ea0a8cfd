"""Telling a trace viewer what was done on the way from a frame to its songs.

Every event has a trace id, and each step of the way takes one event and makes the next. So a step
is known by the ids of these two, and nothing about tracing travels on the bus. See `moodcue.otlp`
for where the steps go, and `moodcue.lifecycle.opened_tracer` for when.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a step, from `start` to `end`, nanoseconds UTC."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Something that was done with an event.

    Attributes:
        name: what was done.
        trace: of the event.
        start: nanoseconds UTC.
        end: nanoseconds UTC.
        taken: id of the event that it began with; empty for the first step of a trace.
        made: id of the event that came of it; empty where none did.
        attributes: what else is worth knowing of it.
        stages: parts of it that were timed.
    """

    name: str
    trace: str
    start: int
    end: int
    taken: str = ""
    made: str = ""
    attributes: Attributes = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()


class Tracer(Protocol):
    """Takes the steps of a service, in the one thread that does its work."""

    def record(self, step: Step) -> None:
        """Note a step that has been done."""
        ...


class Laps:
    """Times the stages of a step, each from the end of the one before.

    Args:
        clock: nanoseconds UTC.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._stages: list[Stage] = []
        self.start = self.end = clock()

    def lap(self, name: str) -> None:
        """Note that a stage has ended."""
        begun, self.end = self.end, self._clock()
        self._stages.append(Stage(name, begun, self.end))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that have ended."""
        return tuple(self._stages)
