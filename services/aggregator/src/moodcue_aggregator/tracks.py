"""Which face of this frame is which person of the frames before: association by boxes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moodcue.identity import NS_PER_SECOND

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""

_REACH = 1.5
"""How many face sizes a face may lie from where it was expected; at 5 frames a second, a face of
16 cm that starts to walk (1.2 m/s) moves by exactly that."""

_MAX_SIZE_RATIO = 2.0
_MAX_PREDICTION_SECONDS = 1.0
_VELOCITY_SMOOTHING = 0.5
_MAX_TRACKS = 128


@dataclass(eq=False)
class Track:
    """One person while in sight.

    Attributes:
        box: where the face was last.
        seen: when that was, in nanoseconds.
        velocity: of its centre, pixels per second, smoothed.
        number: of the person, per camera; none until it is asked for.
    """

    box: Box
    seen: int
    velocity: tuple[float, float] = (0.0, 0.0)
    number: int | None = None

    def moved_to(self, box: Box, *, time: int) -> None:
        """Note where the face is now."""
        seconds = (time - self.seen) / NS_PER_SECOND
        if seconds > 0:
            (x, y), (old_x, old_y) = _centre(box), _centre(self.box)
            new = ((x - old_x) / seconds, (y - old_y) / seconds)
            keep = _VELOCITY_SMOOTHING
            self.velocity = (
                keep * self.velocity[0] + (1 - keep) * new[0],
                keep * self.velocity[1] + (1 - keep) * new[1],
            )
        self.box = box
        self.seen = time


class Tracker:
    """Follows the faces of one camera.

    Faces and tracks are paired greedily, the most similar pair first: see `similarity`. A face
    without a pair begins a new track.

    Args:
        silence: a track that was not seen for longer, in nanoseconds, has ended.
    """

    def __init__(self, *, silence: int) -> None:
        self._silence = silence
        self._tracks: list[Track] = []
        self._last_number = 0

    def follow(self, boxes: Sequence[Box], *, time: int) -> list[Track]:
        """Return the track of each box of one frame.

        Args:
            boxes: the faces of the frame.
            time: its capture time in nanoseconds; call in the order of capture.
        """
        self._tracks = [t for t in self._tracks if time - t.seen <= self._silence]
        pairs = sorted(
            (-score, i, j)
            for i, track in enumerate(self._tracks)
            for j, box in enumerate(boxes)
            if (score := similarity(track, box, time=time)) > 0
        )
        found: dict[int, Track] = {}
        taken: set[int] = set()
        for _, i, j in pairs:
            if i not in taken and j not in found:
                taken.add(i)
                found[j] = self._tracks[i]
        for j, box in enumerate(boxes):
            if j in found:
                found[j].moved_to(box, time=time)
            else:
                found[j] = Track(box, time)
                self._tracks.append(found[j])
        self._forget_oldest()
        return [found[j] for j in range(len(boxes))]

    def _forget_oldest(self) -> None:
        if len(self._tracks) > _MAX_TRACKS:
            self._tracks = sorted(self._tracks, key=lambda t: t.seen)[-_MAX_TRACKS:]

    def number(self, track: Track) -> int:
        """Return the number of a track's person, giving it the next one at first."""
        if track.number is None:
            self._last_number += 1
            track.number = self._last_number
        return track.number

    def resume(self, numbers: Mapping[Box, int], *, last_number: int) -> None:
        """Give the tracks in sight the numbers that an earlier life of this service gave them.

        Args:
            numbers: by the box in which each person was seen last.
            last_number: the highest one given so far.
        """
        self._last_number = max(self._last_number, last_number)
        for track in self._tracks:
            track.number = numbers.get(track.box)


def similarity(track: Track, box: Box, *, time: int) -> float:
    """Say how well a box continues a track, 0 (not at all) to 2.

    The sum of the overlap (intersection over union) of the box with where the track is expected,
    by constant velocity, and of the closeness of their centres, which falls from 1 to 0 over 1.5
    face sizes and still finds a face that moved too fast to overlap; divided by 1 + the seconds
    out of sight, since of two people in one place the one just seen stands in front. A face of
    less than half or more than twice the size is another one.
    """
    size, track_size = _size(box), _size(track.box)
    if not 1 / _MAX_SIZE_RATIO <= size / track_size <= _MAX_SIZE_RATIO:
        return 0.0
    unseen = (time - track.seen) / NS_PER_SECOND
    seconds = min(unseen, _MAX_PREDICTION_SECONDS)
    shift = (track.velocity[0] * seconds, track.velocity[1] * seconds)
    (x, y), (track_x, track_y) = _centre(box), _centre(track.box)
    distance = math.hypot(x - track_x - shift[0], y - track_y - shift[1])
    closeness = 1 - distance / (_REACH * (size + track_size) / 2)
    if closeness <= 0:
        return 0.0
    return (closeness + _overlap(track.box, box, shift)) / (1 + unseen)


def _overlap(box: Box, other: Box, shift: tuple[float, float]) -> float:
    left, top = box[0] + shift[0], box[1] + shift[1]
    width = min(left + box[2], other[0] + other[2]) - max(left, other[0])
    height = min(top + box[3], other[1] + other[3]) - max(top, other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (box[2] * box[3] + other[2] * other[3] - common)


def _centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _size(box: Box) -> float:
    return math.sqrt(box[2] * box[3])
