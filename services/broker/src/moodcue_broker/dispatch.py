"""Which worker gets which frame: the newest of each camera, to workers that asked, fairly."""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any


class DropReason(StrEnum):
    """Why a frame was not inferred."""

    REPLACED = "replaced"
    TOO_OLD = "too_old"
    WORKER_LOST = "worker_lost"
    TOO_MANY_CAMERAS = "too_many_cameras"


@dataclass(frozen=True, slots=True)
class WaitingFrame:
    """A frame as it came: camera, id, arrival (seconds, monotonic), parts on the wire."""

    camera: str
    id: str
    arrived: float
    parts: Sequence[Any]


@dataclass(slots=True)
class Worker:
    """A worker that has said hello.

    Attributes:
        identity: its address on the ROUTER socket.
        name: its source name.
        heard: when it last said anything, seconds of a monotonic clock.
        holds: the frame that it works on; without one it is free.
    """

    identity: bytes
    name: str
    heard: float
    holds: WaitingFrame | None = None


@dataclass(slots=True)
class _Camera:
    """A camera that has sent a frame.

    Attributes:
        turn: of the cameras with a waiting frame, the one with the lowest is served next.
        seen_by: identity of the worker that got its last frame.
    """

    turn: int
    seen_by: bytes = b""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A frame for a worker."""

    worker: Worker
    frame: WaitingFrame
    waited_seconds: float


class Dispatcher:
    """Holds one newest frame per camera and the workers that wait; decides, and moves no bytes.

    What it does per frame takes no longer with more workers, and hardly longer with more cameras.

    Args:
        max_frame_age_seconds: a frame that waited longer since it came is dropped. Its capture
            time does not count: clocks differ, and a file may run slower than real time.
        worker_timeout_seconds: a worker that is silent for longer counts as dead.
        max_cameras: cameras with a waiting frame at the same time.
    """

    def __init__(
        self, *, max_frame_age_seconds: float, worker_timeout_seconds: float, max_cameras: int
    ) -> None:
        self._max_age = max_frame_age_seconds
        self._worker_timeout = worker_timeout_seconds
        self._max_cameras = max_cameras
        self._turns = count()
        # Whoever got its turn goes to the end.
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()
        self._waiting: dict[str, WaitingFrame] = {}
        # The turn of every camera with a waiting frame, as a heap.
        self._queue: list[tuple[int, str]] = []
        self._workers: dict[bytes, Worker] = {}
        # Whoever waits for longest comes first.
        self._free: OrderedDict[bytes, Worker] = OrderedDict()
        self.dropped: Counter[tuple[str, DropReason]] = Counter()

    def take_drops(self) -> Counter[tuple[str, DropReason]]:
        """Return how many frames of which cameras were dropped why, since the last call."""
        drops, self.dropped = self.dropped, Counter()
        return drops

    @property
    def workers(self) -> int:
        """How many workers are alive."""
        return len(self._workers)

    @property
    def free_workers(self) -> int:
        """How many workers wait for a frame."""
        return len(self._free)

    @property
    def waiting(self) -> int:
        """How many frames wait for a worker."""
        return len(self._waiting)

    @property
    def pending(self) -> int:
        """How many frames wait for a worker or are with one."""
        return self.waiting + self.workers - self.free_workers

    def offer(self, frame: WaitingFrame) -> None:
        """Take a new frame; it replaces one of the same camera that nobody has taken."""
        camera = self._cameras.get(frame.camera)
        if camera is None:
            if not self._make_room():
                self.dropped[frame.camera, DropReason.TOO_MANY_CAMERAS] += 1
                return
            camera = self._cameras[frame.camera] = _Camera(next(self._turns))
        if frame.camera in self._waiting:
            self.dropped[frame.camera, DropReason.REPLACED] += 1
        else:
            heapq.heappush(self._queue, (camera.turn, frame.camera))
        self._waiting[frame.camera] = frame

    def _make_room(self) -> bool:
        """Forget the camera that was served longest ago and has no frame, if one must go."""
        if len(self._cameras) < self._max_cameras:
            return True
        idle = next((name for name in self._cameras if name not in self._waiting), None)
        if idle is None:
            return False
        del self._cameras[idle]
        return True

    def ready(self, identity: bytes, name: str, *, done: str, now: float) -> str | None:
        """Note that a worker asks for a frame.

        A worker repeats its wish while it waits. One that crossed the frame on its way does not
        name it in `done` and is no new wish.

        Returns:
            The camera of the frame that it has finished, if it has.
        """
        worker = self._workers.get(identity)
        if worker is None:
            self._workers[identity] = self._free[identity] = Worker(identity, name, now)
            return None
        worker.heard = now
        if worker.holds is None or done != worker.holds.id:
            return None
        finished = worker.holds.camera
        worker.holds = None
        self._free[identity] = worker
        return finished

    def ping(self, identity: bytes, *, now: float) -> None:
        """Note that a worker is alive."""
        if identity in self._workers:
            self._workers[identity].heard = now

    def leave(self, identity: bytes, *, done: str) -> str | None:
        """Forget a worker that stops; a frame that it has not touched goes to another one.

        Returns:
            The camera of the frame that it has finished, if it has.
        """
        worker = self._forget(identity)
        if worker is None or worker.holds is None:
            return None
        if worker.holds.id == done:
            return worker.holds.camera
        self._take_back(worker.holds)
        return None

    def expire(self, *, now: float) -> list[Worker]:
        """Drop what has waited for too long; remove and return workers silent for too long."""
        self._drop_old(now=now)
        dead = [w for w in self._workers.values() if now - w.heard > self._worker_timeout]
        for worker in dead:
            self._forget(worker.identity)
            if worker.holds is not None:
                self.dropped[worker.holds.camera, DropReason.WORKER_LOST] += 1
        return dead

    def _drop_old(self, *, now: float) -> None:
        old = {name for name, frame in self._waiting.items() if self._is_old(frame, now=now)}
        for name in old:
            del self._waiting[name]
            self.dropped[name, DropReason.TOO_OLD] += 1
        if old:
            self._queue = [entry for entry in self._queue if entry[1] not in old]
            heapq.heapify(self._queue)

    def _is_old(self, frame: WaitingFrame, *, now: float) -> bool:
        return now - frame.arrived > self._max_age

    def _forget(self, identity: bytes) -> Worker | None:
        self._free.pop(identity, None)
        return self._workers.pop(identity, None)

    def return_undelivered(self, assignment: Assignment) -> None:
        """Take back a frame whose worker was gone before it got it, and forget that worker."""
        self.leave(assignment.worker.identity, done="")

    def _take_back(self, frame: WaitingFrame) -> None:
        camera = self._cameras.setdefault(frame.camera, _Camera(0))
        if frame.camera in self._waiting:
            self.dropped[frame.camera, DropReason.REPLACED] += 1
            return
        # Before all others: the camera has had its turn, and nobody has read its frame.
        camera.turn = -next(self._turns)
        heapq.heappush(self._queue, (camera.turn, frame.camera))
        self._waiting[frame.camera] = frame

    def next_assignment(self, *, now: float) -> Assignment | None:
        """Give the frame of the camera whose turn it is to a free worker, or None.

        The worker that saw the camera last is preferred, else the one that waits longest.
        """
        while self._queue and self._free:
            _, name = heapq.heappop(self._queue)
            frame = self._waiting.pop(name)
            if self._is_old(frame, now=now):
                self.dropped[name, DropReason.TOO_OLD] += 1
                continue
            camera = self._cameras[name]
            worker = self._take_worker(camera)
            worker.holds = frame
            camera.turn = next(self._turns)
            self._cameras.move_to_end(name)
            return Assignment(worker, frame, now - frame.arrived)
        return None

    def _take_worker(self, camera: _Camera) -> Worker:
        worker = self._free.pop(camera.seen_by, None)
        if worker is None:
            _, worker = self._free.popitem(last=False)
        camera.seen_by = worker.identity
        return worker
