"""Cutting the events of cameras into windows of capture time; no wall clock, no sockets.

Windows are tumbling: each begins where the one before ended, the first at a camera's first frame.
After a window without any frame the camera counts as gone, and its next frame anchors anew.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from moodcue.events import EmotionWindow, Face, FaceEmotion
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.association import Sighting, Track
from moodcue_aggregator.tracks import Tracker, TrackRules

_CLOCK_SET_BACK = 30 * NS_PER_SECOND
"""Nothing but late frames over this much capture time: the camera's clock was set back."""


@dataclass(frozen=True)
class WindowRules:
    """How events become windows; times in nanoseconds.

    Attributes:
        length: of a window.
        lateness: how far a frame may come behind the newest one of its camera.
        idle_grace: how much longer than that silence must last to close a window.
        tracks: how long people are known.
        max_cameras: how many are followed.
        max_frames: how many one camera's open window keeps.
    """

    length: int
    lateness: int
    idle_grace: int
    tracks: TrackRules
    max_cameras: int
    max_frames: int


@dataclass
class Counts:
    """What did not get into a window, since the start."""

    late: int = 0
    duplicates: int = 0
    overflowed: int = 0
    evicted_cameras: int = 0
    clocks_set_back: int = 0
    forgotten_people: int = 0


@dataclass(frozen=True)
class ClosedWindow:
    """The frames of one camera over [start, end), in order of capture.

    Attributes:
        camera: its name.
        start: in nanoseconds.
        end: in nanoseconds.
        rate: nominal frames per second.
        frames: in order of capture.
        people: per frame and face, the number of the person; none for one never read so far, or of
            whom too little was seen.
    """

    camera: str
    start: int
    end: int
    rate: float
    frames: tuple[FaceEmotion, ...]
    people: tuple[tuple[int | None, ...], ...]


@dataclass
class _CameraWindows:
    """The open window of one camera.

    `start` is none while the camera counts as gone. Before `settled` everything is decided; a
    start that lies later may still move back, as frames come out of order.
    """

    camera: str
    rules: WindowRules
    counts: Counts
    tracker: Tracker
    start: int | None = None
    settled: int = 0
    newest: int = 0
    arrived: int = 0
    rate: float = 1.0
    pending: dict[str, FaceEmotion] = field(default_factory=dict)
    late_since: int | None = None

    def add(self, event: FaceEmotion, *, now: int) -> list[ClosedWindow]:
        if event.frame_id in self.pending:
            self._take_duplicate(event)
            return []
        if self._is_late(event.time):
            return self._take_late(event, now=now)
        self.late_since = None
        self.arrived = now
        self.newest = max(self.newest, event.time)
        if len(self.pending) >= self.rules.max_frames:
            self.counts.overflowed += 1
        else:
            self.pending[event.frame_id] = event
            self.start = event.time if self.start is None else min(self.start, event.time)
        return self._close_until(self.newest)

    def tick(self, *, now: int) -> list[ClosedWindow]:
        # The camera's clock, extrapolated by ours: the two need not agree.
        return self._close_until(self.newest + (now - self.arrived) - self.rules.idle_grace)

    def _is_late(self, time: int) -> bool:
        if time < self.settled:
            return True
        before_start = self.start is not None and time < self.start
        return before_start and time < self.newest - self.rules.lateness

    def _take_duplicate(self, event: FaceEmotion) -> None:
        self.counts.duplicates += 1
        # The same one of two answers is kept, in whichever order they come.
        if event.id < self.pending[event.frame_id].id:
            self.pending[event.frame_id] = event

    def _take_late(self, event: FaceEmotion, *, now: int) -> list[ClosedWindow]:
        if self.late_since is None:
            self.late_since = event.time
        if event.time - self.late_since < _CLOCK_SET_BACK:
            self.counts.late += 1
            return []
        self.counts.clocks_set_back += 1
        # What is open is closed, up to the window of the newest frame.
        closed = self._close_until(self.newest + self.rules.length + self.rules.lateness)
        self.start = None
        self.settled = self.newest = event.time
        return closed + self.add(event, now=now)

    def _close_until(self, time: int) -> list[ClosedWindow]:
        closed = []
        while self.start is not None and (
            time >= self.start + self.rules.length + self.rules.lateness
        ):
            closed.append(self._close(self.start))
        return closed

    def _close(self, start: int) -> ClosedWindow:
        end = start + self.rules.length
        frames = _in_order(frame for frame in self.pending.values() if frame.time < end)
        for frame in frames:
            del self.pending[frame.frame_id]
        self.rate = frames[-1].rate if frames else self.rate
        self.settled = end
        waiting = (frame.time for frame in self.pending.values())
        self.start = end if frames else min(waiting, default=None)
        followed = [self._follow(frame) for frame in frames]
        forgotten = self.tracker.forgotten
        self.tracker.settle()
        self.counts.forgotten_people += self.tracker.forgotten - forgotten
        people = tuple(tuple(track.number for track in tracks) for tracks in followed)
        return ClosedWindow(self.camera, start, end, self.rate, frames, people)

    def _follow(self, frame: FaceEmotion) -> list[Track]:
        return self.tracker.follow([_sighting(face) for face in frame.faces], time=frame.time)

    def resume(
        self, past: EmotionWindow, *, frames: Iterable[FaceEmotion], last_track: int, now: int
    ) -> None:
        ordered = _in_order(frames)
        for frame in ordered:
            self._follow(frame)
        numbers = {person.box: person.track for person in past.tracks}
        numbers |= {person.box: person.track for person in past.opted_out}
        self.tracker.resume(numbers, since=past.start, last_number=last_track)
        self.settled = past.end
        self.start = past.end if past.frames_seen else None
        self.newest = ordered[-1].time if ordered else past.end
        self.arrived = now
        self.rate = past.frames_expected * NS_PER_SECOND / (past.end - past.start)


class Windows:
    """The open windows of all cameras.

    A window closes when a frame comes that was captured `lateness` after its end, or when the
    camera has been silent for so long that one should have come, and `idle_grace` more. Which
    frames get into a window depends on their capture times only, not on when or in which order
    they come, as long as they come within the lateness.

    Args:
        rules: see there.
        on_evicted: called with the name of a camera that fell out.

    Attributes:
        counts: what did not get into a window.
    """

    def __init__(
        self, rules: WindowRules, *, on_evicted: Callable[[str], None] = lambda _: None
    ) -> None:
        self._rules = rules
        self._on_evicted = on_evicted
        self._cameras: dict[str, _CameraWindows] = {}
        self.counts = Counts()

    def __len__(self) -> int:
        return len(self._cameras)

    def add(self, event: FaceEmotion, *, now: int) -> list[ClosedWindow]:
        """Take the faces of a frame; return the windows that it closes.

        Args:
            event: checked by `check_face_emotion`.
            now: nanoseconds of a clock that never steps; only differences count.
        """
        return self._camera(event.camera).add(event, now=now)

    def tick(self, *, now: int) -> list[ClosedWindow]:
        """Return the windows that silence closes; `now` as in `add`."""
        return [window for camera in self._cameras.values() for window in camera.tick(now=now)]

    def resume(
        self,
        past: EmotionWindow,
        *,
        frames: Iterable[FaceEmotion],
        last_track: int,
        now: int,
    ) -> None:
        """Go on behind a window that an earlier life of this service has emitted.

        Call it for all that are known, in order, so that who has left is known again too.

        Args:
            past: that window.
            frames: of it, as far as they are known, so that its people keep their numbers.
            last_track: the highest number that a person of this camera has had.
            now: as in `add`.
        """
        camera = self._camera(past.camera)
        camera.resume(past, frames=frames, last_track=last_track, now=now)

    def _camera(self, name: str) -> _CameraWindows:
        camera = self._cameras.pop(name, None)
        if camera is None:
            tracker = Tracker(self._rules.tracks)
            camera = _CameraWindows(name, self._rules, self.counts, tracker)
            if len(self._cameras) >= self._rules.max_cameras:
                self._evict()
        self._cameras[name] = camera
        return camera

    def _evict(self) -> None:
        name = next(iter(self._cameras))
        del self._cameras[name]
        self.counts.evicted_cameras += 1
        self._on_evicted(name)


def _in_order(frames: Iterable[FaceEmotion]) -> tuple[FaceEmotion, ...]:
    return tuple(sorted(frames, key=lambda frame: (frame.time, frame.frame_id)))


def _sighting(face: Face) -> Sighting:
    return Sighting(face.box, face.appearance, read=face.probabilities is not None)
