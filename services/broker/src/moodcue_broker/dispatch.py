"""Which worker gets which frame: the newest of each camera, to workers that asked, fairly."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class DropReason(StrEnum):
    """Why a frame was not inferred."""

    REPLACED = "replaced"
    TOO_OLD = "too_old"
    WORKER_LOST = "worker_lost"
    TOO_MANY_CAMERAS = "too_many_cameras"


@dataclass(frozen=True)
class WaitingFrame:
    """A frame as it came: camera, id, arrival (seconds, monotonic), parts on the wire."""

    camera: str
    id: str
    arrived: float
    parts: Sequence[bytes]


@dataclass
class Worker:
    """A worker that has said hello.

    Attributes:
        identity: its address on the ROUTER socket.
        name: its source name.
        heard: when it last said anything, seconds of a monotonic clock.
        holds: the frame that it works on.
        last_frame: id of the last frame that it was given.
    """

    identity: bytes
    name: str
    heard: float
    holds: WaitingFrame | None = None
    last_frame: str = ""

    @property
    def free(self) -> bool:
        """Whether it has asked for a frame and not got one."""
        return self.holds is None


@dataclass(frozen=True)
class Assignment:
    """A frame for a worker."""

    worker: Worker
    frame: WaitingFrame
    waited_seconds: float


class Dispatcher:
    """Holds one newest frame per camera and the workers that wait; decides, and moves no bytes.

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
        # In the order in which cameras are served: whoever got its turn goes to the end.
        self._turns: OrderedDict[str, WaitingFrame | None] = OrderedDict()
        self._workers: OrderedDict[bytes, Worker] = OrderedDict()
        self._seen_by: dict[str, bytes] = {}
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
        return sum(worker.free for worker in self._workers.values())

    @property
    def waiting(self) -> int:
        """How many frames wait for a worker."""
        return sum(frame is not None for frame in self._turns.values())

    def offer(self, frame: WaitingFrame) -> None:
        """Take a new frame; it replaces one of the same camera that nobody has taken."""
        if frame.camera not in self._turns and not self._make_room():
            self.dropped[frame.camera, DropReason.TOO_MANY_CAMERAS] += 1
            return
        if self._turns.get(frame.camera) is not None:
            self.dropped[frame.camera, DropReason.REPLACED] += 1
        self._turns[frame.camera] = frame

    def _make_room(self) -> bool:
        """Forget the camera that was served longest ago and has no frame, if one must go."""
        if len(self._turns) < self._max_cameras:
            return True
        idle = next((camera for camera, frame in self._turns.items() if frame is None), None)
        if idle is None:
            return False
        del self._turns[idle]
        self._seen_by.pop(idle, None)
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
            self._workers[identity] = Worker(identity, name, now)
            return None
        worker.heard = now
        if worker.holds is None or done != worker.holds.id:
            return None
        finished = worker.holds.camera
        worker.holds = None
        self._workers.move_to_end(identity)
        return finished

    def ping(self, identity: bytes, *, now: float) -> None:
        """Note that a worker is alive."""
        if identity in self._workers:
            self._workers[identity].heard = now

    def leave(self, identity: bytes, *, done: str) -> None:
        """Forget a worker that stops; a frame that it has not touched goes to another one."""
        worker = self._workers.pop(identity, None)
        if worker is not None and worker.holds is not None and worker.holds.id != done:
            self._take_back(worker.holds)

    def expire(self, *, now: float) -> list[Worker]:
        """Remove and return the workers that have been silent for too long."""
        dead = [w for w in self._workers.values() if now - w.heard > self._worker_timeout]
        for worker in dead:
            del self._workers[worker.identity]
            if worker.holds is not None:
                self.dropped[worker.holds.camera, DropReason.WORKER_LOST] += 1
        return dead

    def return_undelivered(self, assignment: Assignment) -> None:
        """Take back a frame whose worker was gone before it got it, and forget that worker."""
        self.leave(assignment.worker.identity, done="")

    def _take_back(self, frame: WaitingFrame) -> None:
        if self._turns.get(frame.camera) is None:
            self._turns[frame.camera] = frame
            self._turns.move_to_end(frame.camera, last=False)
        else:
            self.dropped[frame.camera, DropReason.REPLACED] += 1

    def next_assignment(self, *, now: float) -> Assignment | None:
        """Give the frame of the camera whose turn it is to a free worker, or None.

        The worker that saw the camera last is preferred, else the one that waits longest.
        """
        while (frame := self._next_frame()) is not None:
            waited = now - frame.arrived
            if waited > self._max_age:
                self._turns[frame.camera] = None
                self.dropped[frame.camera, DropReason.TOO_OLD] += 1
                continue
            worker = self._choose_worker(frame.camera)
            if worker is None:
                return None
            self._turns[frame.camera] = None
            self._turns.move_to_end(frame.camera)
            self._seen_by[frame.camera] = worker.identity
            worker.holds, worker.last_frame = frame, frame.id
            return Assignment(worker, frame, waited)
        return None

    def _next_frame(self) -> WaitingFrame | None:
        return next((frame for frame in self._turns.values() if frame is not None), None)

    def _choose_worker(self, camera: str) -> Worker | None:
        last = self._workers.get(self._seen_by.get(camera, b""))
        if last is not None and last.free:
            return last
        return next((worker for worker in self._workers.values() if worker.free), None)
