"""Which face of a frame continues which track: scores of pairs, and the best pairs first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.looks import Looks, compare

_REACH = 1.5
"""How many face sizes a face may lie from where it was expected; at 5 frames a second, a face of
16 cm that starts to walk (1.2 m/s) moves by exactly that."""

_WALK = 8.0
"""Face sizes per second that somebody may have moved who looks the same: 1.3 m/s."""

_MAX_SIZE_RATIO = 2.0
_SIZE_NOISE = 0.2
"""Deviation of the logarithm of a size from picture to picture: twice that of a Haar cascade."""

_GROWTH = 0.2
"""What walking towards the camera adds to it per second."""

_MAX_PREDICTION_SECONDS = 1.0

_VELOCITY_SECONDS = 0.3
"""Time over which a velocity is smoothed."""

_SAME_LOOKS = 1.3
"""Difference of one description from a mean above which looks speak against a pair."""

_LOOKS_WEIGHT = 3.0
_MOST_AGAINST = 1.5
"""Looks speak by no more against who was there in the frame before: a hand may hide a face."""

_MOST_AGAINST_HIDDEN = 0.2
"""The same for who may be hidden by another person."""

_CLOSE = 1.1
"""Distance of two faces in sizes of the one in front under which it may hide parts of the other."""

_FARTHER = 0.85
"""Ratio of the sizes of two faces under which the smaller one is behind the other for sure."""


@dataclass(frozen=True)
class Sighting:
    """One face of a frame.

    Attributes:
        box: where it is.
        appearance: its description; empty if there is none.
        read: whether it has an emotion.
    """

    box: Box
    appearance: tuple[float, ...] = ()
    read: bool = True


@dataclass(eq=False)
class Track:
    """One person while in sight, and for some time afterwards.

    Attributes:
        box: where the face was last.
        seen: when that was, in nanoseconds.
        born: when it was seen first, in nanoseconds.
        first_box: where that was.
        velocity: of its centre, pixels per second, smoothed.
        looks: mean of the descriptions in which nobody else was close.
        described: in how many pictures there was a description.
        first_read: when the emotion was read first; none if never.
        number: of the person, per camera; none until that is decided.
    """

    box: Box
    seen: int
    born: int
    first_box: Box
    velocity: tuple[float, float] = (0.0, 0.0)
    looks: Looks = field(default_factory=Looks)
    described: int = 0
    first_read: int | None = None
    number: int | None = None

    def moved_to(self, box: Box, *, time: int) -> None:
        """Note where the face is now."""
        seconds = (time - self.seen) / NS_PER_SECOND
        if seconds > 0:
            (x, y), (old_x, old_y) = centre(box), centre(self.box)
            new = ((x - old_x) / seconds, (y - old_y) / seconds)
            keep = math.exp(-seconds / _VELOCITY_SECONDS)
            self.velocity = (
                keep * self.velocity[0] + (1 - keep) * new[0],
                keep * self.velocity[1] + (1 - keep) * new[1],
            )
        self.box = box
        self.seen = time


def score(track: Track, face: Sighting, *, time: int, absent: int, hidden: bool) -> float:
    """Say how well a face continues a track; above 0 the two may be paired.

    The sum of `similarity` and, where both have a description, of how much they look alike: from
    3 for no difference over 0 at 1.3 to less. Who looks the same may also have walked farther
    than a mere box is believed to.

    Args:
        track: in sight a short time ago.
        face: of the frame.
        time: of the frame in nanoseconds.
        absent: for how long of that the track was missing in frames, in nanoseconds.
        hidden: another face is so close that the description may be that of both.
    """
    found = compare(track.looks.mean, face.appearance)
    near = similarity(track, face.box, time=time, absent=absent)
    if found is None:
        return near
    # A mean of few descriptions is off by itself: its variance is that of one, divided by them.
    allowed = _SAME_LOOKS * math.sqrt(1 + 1 / track.looks.count)
    alike = _LOOKS_WEIGHT * (1 - found.apart / allowed)
    if hidden:
        alike = max(alike, -_MOST_AGAINST_HIDDEN)
    elif absent == 0:
        alike = max(alike, -_MOST_AGAINST)
    if near > 0:
        return near + alike
    return alike if alike > 0 and _walked(track, face.box, time=time) else 0.0


def similarity(track: Track, box: Box, *, time: int, absent: int = 0) -> float:
    """Say how well a box continues a track by place and size, 0 (not at all) to 2.

    The sum of the overlap (intersection over union) of the box with where the track is expected,
    by constant velocity, and of the closeness of their centres, which falls from 1 to 0 over 1.5
    face sizes and still finds a face that moved too fast to overlap; divided by 1 + the seconds
    out of sight, since of two people in one place the one just seen stands in front. Another size
    makes it less; a face of less than half or more than twice the size is another one.
    """
    if not _alike_in_size(track.box, box):
        return 0.0
    seconds = min((time - track.seen) / NS_PER_SECOND, _MAX_PREDICTION_SECONDS)
    growth = math.log(size(box) / size(track.box)) / (_SIZE_NOISE + _GROWTH * seconds)
    shift = (track.velocity[0] * seconds, track.velocity[1] * seconds)
    closeness = 1 - apart(track.box, box, shift) / _REACH
    if closeness <= 0:
        return 0.0
    alike = math.exp(-(growth**2) / 2)
    return alike * (closeness + overlap(track.box, box, shift)) / (1 + absent / NS_PER_SECOND)


def _walked(track: Track, box: Box, *, time: int) -> bool:
    reach = _REACH + _WALK * (time - track.seen) / NS_PER_SECOND
    return _alike_in_size(track.box, box) and apart(track.box, box) < reach


def pair(scores: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Pair tracks with faces, the pair with the highest score first.

    Args:
        scores: of (track, face), all above 0.

    Returns:
        The track of each face that has one.
    """
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for track, face in sorted(scores, key=lambda link: (-scores[link], link)):
        if face not in paired and track not in taken:
            paired[face] = track
            taken.add(track)
    return paired


def hides(front: Box, behind: Box) -> bool:
    """Say whether somebody may hide parts of somebody else: close, and not clearly farther."""
    (x, y), (other_x, other_y) = centre(front), centre(behind)
    close = math.hypot(x - other_x, y - other_y) < _CLOSE * size(front)
    return close and not is_farther(front, behind)


def is_farther(one: Box, other: Box) -> bool:
    """Say whether somebody is clearly farther from the camera than somebody else, by their size."""
    return size(one) <= _FARTHER * size(other)


def overlap(box: Box, other: Box, shift: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the intersection over union of a shifted box with another one, 0 to 1."""
    left, top = box[0] + shift[0], box[1] + shift[1]
    width = min(left + box[2], other[0] + other[2]) - max(left, other[0])
    height = min(top + box[3], other[1] + other[3]) - max(top, other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (box[2] * box[3] + other[2] * other[3] - common)


def centre(box: Box) -> tuple[float, float]:
    """Return the centre of a box, column and row."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def size(box: Box) -> float:
    """Return the side of a square with the area of a box."""
    return math.sqrt(box[2] * box[3])


def _alike_in_size(one: Box, other: Box) -> bool:
    return 1 / _MAX_SIZE_RATIO <= size(one) / size(other) <= _MAX_SIZE_RATIO


def apart(box: Box, other: Box, shift: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the distance of a shifted box to another one in face sizes."""
    (x, y), (other_x, other_y) = centre(box), centre(other)
    distance = math.hypot(other_x - x - shift[0], other_y - y - shift[1])
    return distance / ((size(box) + size(other)) / 2)
