"""People who want to be left out: who they are, and windows without them."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from moodcue.events import Box, EmotionWindow, OptedOut, RecommendationRequest
from moodcue_aggregator.window import ClosedWindow

_MAX_PEOPLE = 32
_NOWHERE: Box = (0, 0, 0, 0)


class OptOuts:
    """Who has opted out, of each camera.

    Args:
        max_cameras: how many cameras are kept; the one asked for longest ago falls out.

    Attributes:
        forgotten: people who fell out, because too many had opted out at one camera.
    """

    def __init__(self, *, max_cameras: int) -> None:
        self._max_cameras = max_cameras
        self._boxes: dict[str, dict[int, Box]] = {}
        self.forgotten = 0

    def take(self, request: RecommendationRequest) -> None:
        """Note what a request says of people, if it says anything."""
        if request.opt_out is not None:
            self._note(request.camera, [(request.opt_out, _NOWHERE)])
        if request.opt_in is not None:
            self._boxes.get(request.camera, {}).pop(request.opt_in, None)

    def restore(self, past: Iterable[EmotionWindow]) -> None:
        """Go on from the windows of an earlier life, in the order of their emission."""
        last = {window.camera: window for window in past}
        for camera, window in last.items():
            self._note(camera, [(person.track, person.box) for person in window.opted_out])

    def _note(self, camera: str, people: Iterable[tuple[int, Box]]) -> None:
        known = self._boxes.pop(camera, {})
        self._boxes[camera] = known
        for track, box in people:
            known.setdefault(track, box)
        while len(known) > _MAX_PEOPLE:
            del known[next(iter(known))]
            self.forgotten += 1
        if len(self._boxes) > self._max_cameras:
            self.forgotten += len(self._boxes.pop(next(iter(self._boxes))))

    def applied(self, window: ClosedWindow) -> tuple[ClosedWindow, tuple[OptedOut, ...]]:
        """Return a window without those who opted out, and who these are with their last places."""
        known = self._boxes.get(window.camera)
        if not known:
            return window, ()
        known.update((n, box) for n, box in _last_boxes(window).items() if n in known)
        people = tuple(OptedOut(track=track, box=box) for track, box in known.items())
        return without(window, known.keys()), people


def without(window: ClosedWindow, tracks: Collection[int]) -> ClosedWindow:
    """Return a window without the faces of some people.

    Faces of whom it is not known yet whose they are go, too: they may be of one of these.
    """
    frames, people = [], []
    for frame, numbers in zip(window.frames, window.people, strict=True):
        kept = [
            (face, number)
            for face, number in zip(frame.faces, numbers, strict=True)
            if number is not None and number not in tracks
        ]
        frames.append(replace(frame, faces=tuple(face for face, _ in kept)))
        people.append(tuple(number for _, number in kept))
    return ClosedWindow(
        camera=window.camera,
        start=window.start,
        end=window.end,
        rate=window.rate,
        frames=tuple(frames),
        people=tuple(people),
    )


def _last_boxes(window: ClosedWindow) -> dict[int, Box]:
    return {
        number: face.box
        for frame, numbers in zip(window.frames, window.people, strict=True)
        for face, number in zip(frame.faces, numbers, strict=True)
        if number is not None
    }
