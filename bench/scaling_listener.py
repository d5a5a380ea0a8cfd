"""Somebody who subscribes to all readings and to the heartbeats of the broker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import psutil
import zmq

from moodcue.bus import BusAddress, Subscriber
from moodcue.errors import MoodcueError
from moodcue.events import FaceEmotion, Status
from moodcue.identity import NS_PER_SECOND
from moodcue.sequence import SequenceTracker

START_SECONDS: Final = 60.0
LISTENER_HWM: Final = 100_000


class BenchError(MoodcueError):
    """Something did not come about, so that there is nothing to report."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A face emotion as a subscriber gets it.

    Attributes:
        camera: Of the frame.
        source: Worker that read it.
        age_seconds: From capture until now.
        work_seconds: What the reading itself took.
    """

    camera: str
    source: str
    age_seconds: float
    work_seconds: float


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What was known when a heartbeat of the broker came.

    Attributes:
        time: Of the heartbeat, UTC, ns since 1970.
        counters: Of the broker.
        readings: How many had come before it.
        cpu_seconds: That the broker had used.
    """

    time: int
    counters: Mapping[str, float]
    readings: int
    cpu_seconds: float

    def count(self, name: str) -> int:
        """Return a counter of the broker, 0 while it has not counted."""
        return int(self.counters.get(name, 0))


class Listener:
    """Keeps the readings of all workers and the heartbeats of the broker, in their order."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: BusAddress, broker: psutil.Process
    ) -> None:
        self._subscriber = Subscriber(
            context, address, topics=["face-emotion/", "status/broker/"], hwm=LISTENER_HWM
        )
        self._broker = broker
        self._sequence = SequenceTracker(max_sources=1_000_000)
        self.readings: list[Reading] = []
        self.moments: list[Moment] = []

    @property
    def lost(self) -> int:
        """How many readings did not get here."""
        return self._sequence.lost

    @property
    def last(self) -> Moment:
        """The latest heartbeat."""
        return self.moments[-1]

    def listen_until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Listen until a condition holds.

        Raises:
            BenchError: if it does not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise BenchError(f"not within {seconds:g} s: {what}")
            self._take(0.1)

    def next_moment_after(self, time_: int, *, seconds: float) -> Moment:
        """Listen until the first heartbeat that is so many seconds after a time, ns since 1970."""
        earliest = time_ + seconds * NS_PER_SECOND
        self.listen_until(
            lambda: bool(self.moments) and self.last.time >= earliest,
            seconds=seconds + START_SECONDS,
            what="a heartbeat of the broker",
        )
        return self.last

    def _take(self, timeout_seconds: float) -> None:
        message = self._subscriber.receive(timeout_seconds)
        if message is None:
            return
        event = message.event
        if isinstance(event, FaceEmotion):
            self._sequence.accept(message.topic, event.source, event.seq)
            age = (time.time_ns() - event.time) / NS_PER_SECOND
            self.readings.append(Reading(event.camera, event.source, age, event.inference_seconds))
        elif isinstance(event, Status):
            cpu = self._broker.cpu_times()
            self.moments.append(
                Moment(
                    time=event.time,
                    counters=event.counters,
                    readings=len(self.readings),
                    cpu_seconds=cpu.user + cpu.system,
                )
            )

    def close(self) -> None:
        """Close the subscription."""
        self._subscriber.close()
