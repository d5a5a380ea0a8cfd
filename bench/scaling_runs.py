"""The runs: each starts a broker and what belongs to it, watches them, and gives one record."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from moodcue.bus import BusAddress
from moodcue.identity import NS_PER_SECOND
from scaling_cameras import CameraPlan
from scaling_figures import Record, ages, balance, percentiles_ms, shares, window
from scaling_listener import BenchError, Moment
from scaling_system import System

FAST_CAMERA_EVERY: Final = 4
SETTLE_SECONDS: Final = 15.0
START_SECONDS: Final = 30.0
JOIN_SECONDS: Final = 30.0
READINGS_BEFORE_JOINING: Final = 100


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the cameras of a run send.

    Attributes:
        cameras: How many there are.
        total_rate: Frames per second of all together; every fourth sends twice as many as others.
        pictures: JPEGs that a camera sends in turn; cameras take these series in turn.
        size: Width and height of the pictures.
        seconds: That are measured, at least: heartbeats of the broker, one a second, bound them.
        warm_up_seconds: That pass before, at least.
        processes: That the cameras share.
    """

    cameras: int
    total_rate: float
    pictures: Sequence[Sequence[bytes]]
    size: tuple[int, int]
    seconds: float
    warm_up_seconds: float = 2.0
    processes: int = 2

    def plans(self) -> list[CameraPlan]:
        """Return the cameras."""
        weights = [1 if number % FAST_CAMERA_EVERY else 2 for number in range(self.cameras)]
        return [
            CameraPlan(
                name=f"camera-{number}",
                rate=self.total_rate * weight / sum(weights),
                pictures=self.pictures[number % len(self.pictures)],
                size=self.size,
            )
            for number, weight in enumerate(weights)
        ]

    def facts(self) -> Record:
        """Return what a record says of the load."""
        sizes = [len(picture) for series in self.pictures for picture in series]
        return {
            "cameras": self.cameras,
            "camera_processes": self.processes,
            "rates": sorted({round(plan.rate, 2) for plan in self.plans()}),
            "frame_bytes": round(sum(sizes) / len(sizes)),
        }


def run_waiting(workers: int, *, load: Load, wait_seconds: float) -> Record:
    """Measure workers of which each waits for so many seconds with each frame."""
    with System() as system:
        system.start_waiting_workers(workers, wait_seconds=wait_seconds)
        seen = _watch_readings(system, load)
    return {"part": "waiting", "wait_ms": wait_seconds * 1000, "workers": workers, **seen}


def run_faces(workers: int, *, load: Load) -> Record:
    """Measure workers that read faces."""
    with System() as system:
        system.start_fer_workers(workers)
        seen = _watch_readings(system, load)
    return {"part": "faces", "workers": workers, **seen}


def run_broker(workers: int, *, load: Load, cores: frozenset[int]) -> Record:
    """Measure what the broker alone takes, with workers that take frames and do nothing.

    Args:
        workers: How many.
        load: Of the cameras.
        cores: The broker's own.
    """
    with System(broker_cores=cores) as system:
        system.start_takers(workers, processes=2)
        begin, end = _watch(system, load)
        sent = system.stop_cameras()
        _settle(system, sent.frames)
        taken = system.stop_takers()
        moments = system.listener.moments
    measured = [each for each in taken if begin.time <= each.at < end.time]
    return {
        "part": "broker",
        "workers": workers,
        **load.facts(),
        **window(begin, end),
        "camera_to_worker_ms": percentiles_ms([each.age_seconds for each in measured]),
        "per_camera": shares([plan.name for plan in load.plans()], [t.camera for t in measured]),
        **balance(sent, moments, read=len(taken), lost=0),
    }


def run_without_broker(*, load: Load, cores: frozenset[int]) -> Record:
    """Measure how long frames take that need not go through a broker, as `run_broker` does."""
    with System(broker_cores=cores) as system:
        begin, end = _watch(system, load, to=system.start_taker_from_cameras())
        sent = system.stop_cameras()
        taken = system.stop_takers()
    measured = [each for each in taken if begin.time <= each.at < end.time]
    return {
        "part": "without broker",
        **load.facts(),
        "taken_per_second": round(len(measured) / (end.time - begin.time) * NS_PER_SECOND, 1),
        "camera_to_taker_ms": percentiles_ms([each.age_seconds for each in measured]),
        "sent": sent.frames,
        "taken": len(taken),
    }


def run_joining(*, load: Load) -> Record:
    """Start one more `moodcue-fer run` beside a busy one; measure until its first reading."""
    with System() as system:
        system.start_fer_workers(1)
        listener = system.listener
        system.start_cameras(load.plans(), processes=load.processes)
        listener.listen_until(
            lambda: len(listener.readings) >= READINGS_BEFORE_JOINING,
            seconds=START_SECONDS,
            what="the first worker at work",
        )
        began = time.monotonic()
        system.start_fer_worker("joining")
        listener.listen_until(
            lambda: any("/joining-" in each.source for each in listener.readings),
            seconds=JOIN_SECONDS,
            what="a reading of the worker that joined",
        )
        seconds = time.monotonic() - began
    return {"part": "joining", "seconds_from_start_of_process": round(seconds, 3), **load.facts()}


def _watch(system: System, load: Load, *, to: BusAddress | None = None) -> tuple[Moment, Moment]:
    """Start the cameras; return the heartbeats that bound what is measured."""
    system.start_cameras(load.plans(), processes=load.processes, to=to)
    begin = system.listener.next_moment_after(time.time_ns(), seconds=load.warm_up_seconds)
    return begin, system.listener.next_moment_after(begin.time, seconds=load.seconds)


def _watch_readings(system: System, load: Load) -> Record:
    begin, end = _watch(system, load)
    sent = system.stop_cameras()
    _settle(system, sent.frames)
    listener = system.listener
    measured = listener.readings[begin.readings : end.readings]
    seen = window(begin, end)
    return {
        **load.facts(),
        **seen,
        "read_per_second": round(len(measured) / seen["seconds"], 2),
        **ages(measured),
        "per_camera": shares([plan.name for plan in load.plans()], [r.camera for r in measured]),
        **balance(sent, listener.moments, read=len(listener.readings), lost=listener.lost),
    }


def _settle(system: System, sent: int) -> None:
    """Wait until all frames have come to the broker, were finished or dropped, and are read.

    If that takes too long, so be it: the record says then that the account does not balance.
    """
    listener = system.listener

    def settled() -> bool:
        last = listener.last
        read = len(listener.readings) + listener.lost
        return (
            last.count("frames_received") >= sent
            and last.count("frames_pending") == 0
            and (not listener.readings or read >= last.count("frames_dispatched"))
        )

    with suppress(BenchError):
        listener.listen_until(settled, seconds=SETTLE_SECONDS, what="every frame accounted for")
