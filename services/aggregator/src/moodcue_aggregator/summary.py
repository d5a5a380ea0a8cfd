"""From the frames of a closed window to its event: vector, coverage, confidence, hold reason."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from moodcue.events import (
    MIN_PRESENCE,
    Box,
    EmotionWindow,
    Face,
    FaceEmotion,
    FaceProblem,
    HoldReason,
    OptedOut,
    TrackEmotion,
)
from moodcue.identity import NS_PER_SECOND
from moodcue.taxonomy import EMOTIONS
from moodcue_aggregator.window import ClosedWindow

Vector = tuple[float, ...]

_LABELS = len(EMOTIONS)
_MAX_TRACKS = 32

_HELD_PROBLEMS = {
    FaceProblem.TOO_DARK: HoldReason.TOO_DARK,
    FaceProblem.TURNED_AWAY: HoldReason.TURNED_AWAY,
}
"""Problems that are the reason for a hold where they leave nothing to read; the first applies."""

_MIN_WEIGHT = 1e-9
"""Far below one pixel of a large picture; lighter ones would vanish in the sums."""


@dataclass(frozen=True)
class HoldRules:
    """When a window has no answer; all from 0 to 1.

    Attributes:
        min_coverage: least share of the expected frames.
        min_confidence: least confidence.
        disagreement_distance: total variation distance above which two people differ.
        majority_share: share of the weight that like-minded people must have.
    """

    min_coverage: float
    min_confidence: float
    disagreement_distance: float
    majority_share: float


@dataclass
class _Mean:
    """A weighted mean of seven-vectors."""

    sums: list[float] = field(default_factory=lambda: [0.0] * _LABELS)
    weight: float = 0.0

    def add(self, vector: Vector, weight: float) -> None:
        for i, value in enumerate(vector):
            self.sums[i] += weight * value
        self.weight += weight

    def vector(self) -> Vector:
        total = math.fsum(self.sums)
        return tuple(min(1.0, value / total) for value in self.sums)


@dataclass
class _Person:
    """One person's share of a window; `frames` are the positions of those it was read in."""

    number: int
    box: Box
    mean: _Mean = field(default_factory=_Mean)
    frames: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _ReadFrame:
    """A frame with at least one read face: its weighted mean."""

    frame: FaceEmotion
    vector: Vector
    weight: float


def summarise(
    window: ClosedWindow,
    *,
    rules: HoldRules,
    source: str,
    seq: int,
    opted_out: tuple[OptedOut, ...] = (),
) -> EmotionWindow:
    """Make the event of a closed window.

    The vector is the mean of the probabilities of all read faces, weighted by `face_weight`.

    Args:
        window: the frames with the people in them.
        rules: when there is no answer.
        source: who publishes it.
        seq: its number on its topic.
        opted_out: people whom the window leaves out.
    """
    expected = round(window.rate * (window.end - window.start) / NS_PER_SECOND)
    read = [reading for frame in window.frames if (reading := _read(frame)) is not None]
    coverage = min(1.0, len(read) / expected) if expected else 0.0
    vector = _mean_of((reading.vector, reading.weight) for reading in read) if read else None
    confidence = confidence_of(vector, read, coverage=coverage) if vector else 0.0
    people = _people(window)
    hold = (
        _missing_input(window, read=len(read), expected=expected, rules=rules)
        or _disagreement(people, frames=len(read), rules=rules)
        or (HoldReason.LOW_CONFIDENCE if confidence < rules.min_confidence else None)
    )
    identity = window_id(window.camera, start=window.start, end=window.end)
    return EmotionWindow(
        id=identity,
        source=source,
        seq=seq,
        time=window.end,
        trace=_trace(window, read) or identity,
        camera=window.camera,
        start=window.start,
        end=window.end,
        frames_expected=expected,
        frames_seen=len(window.frames),
        frames_with_face=len(read),
        coverage=coverage,
        confidence=confidence,
        probabilities=None if hold else vector,
        tracks=_track_emotions(people),
        hold=hold,
        opted_out=opted_out,
    )


def window_id(camera: str, *, start: int, end: int) -> str:
    """Return the id of a window, 32 hex digits: the same one whenever it is computed."""
    text = f"{camera} {start} {end}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def face_weight(face: Face, frame: FaceEmotion) -> float:
    """Weigh a face: its share of the picture's area x detector's score x frontality, 0..1."""
    share = face.box[2] * face.box[3] / (frame.width * frame.height)
    weight = min(1.0, share) * face.score * face.frontality
    return weight if weight >= _MIN_WEIGHT else 0.0


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Total variation distance of two distributions, 0..1: half the sum of the differences."""
    return min(1.0, math.fsum(abs(p - q) for p, q in zip(one, other, strict=True)) / 2)


def confidence_of(vector: Vector, read: Sequence[_ReadFrame], *, coverage: float) -> float:
    """Say how far a window's vector can be trusted, 0..1.

    The geometric mean of three figures from 0 to 1, so that none makes up for another:

    - concentration, (largest probability - 1/7) / (6/7): 0 for a uniform vector, 1 for a certain
      one;
    - agreement, 1 - the mean total variation distance of the frames from the vector, weighted as
      the vector is;
    - coverage.
    """
    concentration = max(0.0, (max(vector) - 1 / _LABELS) / (1 - 1 / _LABELS))
    total = math.fsum(reading.weight for reading in read)
    spread = math.fsum(r.weight * distance(r.vector, vector) for r in read) / total
    return min(1.0, math.cbrt(concentration * max(0.0, 1 - spread) * coverage))


def _read(frame: FaceEmotion) -> _ReadFrame | None:
    mean = _Mean()
    for face in frame.faces:
        if face.probabilities is not None:
            mean.add(_normalised(face.probabilities), face_weight(face, frame))
    return _ReadFrame(frame, mean.vector(), mean.weight) if mean.weight > 0 else None


def _normalised(probabilities: Vector) -> Vector:
    total = math.fsum(probabilities)
    return tuple(p / total for p in probabilities)


def _mean_of(weighted: Iterable[tuple[Vector, float]]) -> Vector:
    mean = _Mean()
    for vector, weight in weighted:
        mean.add(vector, weight)
    return mean.vector()


def _people(window: ClosedWindow) -> list[_Person]:
    people: dict[int, _Person] = {}
    for position, (frame, numbers) in enumerate(zip(window.frames, window.people, strict=True)):
        for face, number in zip(frame.faces, numbers, strict=True):
            if number is None:
                continue
            person = people.setdefault(number, _Person(number, face.box))
            person.box = face.box
            weight = face_weight(face, frame)
            if face.probabilities is not None and weight > 0:
                person.mean.add(_normalised(face.probabilities), weight)
                person.frames.add(position)
    return [person for person in people.values() if person.frames]


def _track_emotions(people: list[_Person]) -> tuple[TrackEmotion, ...]:
    heaviest = sorted(people, key=lambda person: (-person.mean.weight, person.number))
    return tuple(
        TrackEmotion(
            track=person.number,
            probabilities=person.mean.vector(),
            frames=len(person.frames),
            weight=person.mean.weight,
            box=person.box,
        )
        for person in heaviest[:_MAX_TRACKS]
    )


def _missing_input(
    window: ClosedWindow, *, read: int, expected: int, rules: HoldRules
) -> HoldReason | None:
    needed = rules.min_coverage * expected
    if not window.frames or len(window.frames) < needed:
        return HoldReason.TOO_FEW_FRAMES
    with_face = [frame for frame in window.frames if frame.faces]
    if not with_face:
        return HoldReason.NOBODY
    for problem, reason in _HELD_PROBLEMS.items():
        if 2 * sum(_only(problem, frame) for frame in with_face) > len(with_face):
            return reason
    return HoldReason.TOO_FEW_FRAMES if read < needed or read == 0 else None


def _only(problem: FaceProblem, frame: FaceEmotion) -> bool:
    return all(face.probabilities is None for face in frame.faces) and any(
        face.problem is problem for face in frame.faces
    )


def _disagreement(people: list[_Person], *, frames: int, rules: HoldRules) -> HoldReason | None:
    """Hold if no group of like-minded people has a majority of the weight.

    Two tracks that were never read in the same frame cannot be told from one person whose track
    broke off, so they do not count as differing.
    """
    present = [p for p in people if len(p.frames) >= MIN_PRESENCE * frames]
    total = math.fsum(person.mean.weight for person in present)
    if not present:
        return None
    vectors = {person.number: person.mean.vector() for person in present}

    def differ(one: _Person, other: _Person) -> bool:
        apart = distance(vectors[one.number], vectors[other.number])
        return apart > rules.disagreement_distance and not one.frames.isdisjoint(other.frames)

    like_minded = max(
        math.fsum(other.mean.weight for other in present if not differ(one, other))
        for one in present
    )
    return HoldReason.DISAGREEMENT if like_minded < rules.majority_share * total else None


def _trace(window: ClosedWindow, read: list[_ReadFrame]) -> str:
    if read:
        return max(read, key=lambda reading: reading.weight).frame.trace
    return window.frames[0].trace if window.frames else ""
