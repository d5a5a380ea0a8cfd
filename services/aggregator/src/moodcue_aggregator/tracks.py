"""Which face of a frame is which person: tracks while in sight, memory of who has left."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.association import (
    Sighting,
    Track,
    apart,
    hides,
    is_farther,
    pair,
    score,
)
from moodcue_aggregator.looks import compare

_MAX_TRACKS = 128

_JUST_SEEN_SECONDS = 0.5

_SAME = 0.9
"""Difference of two means up to which they are one person's."""

_SAME_PLACE = 1.0
"""The same for who appears where that person was last."""

_PLACE = 1.0
"""How far from there that is, in face sizes."""

_PLACE_SECONDS = 30.0
_MARGIN = 0.3
"""By how much the second most similar person must differ more."""

_FIGURES = 18
"""Figures to be sure by, outside of the same place: head and clothes."""

_SURE = 4
"""Descriptions that make a mean; with less, only three quarters of the difference are allowed."""

_UNSURE_SHARE = 0.75
_LEAST = 3
"""Pictures that make a person. What the detector takes for a face is rarely seen in so many."""

_PATIENCE_SECONDS = 5.0
"""How long more descriptions of somebody who may be known are waited for."""

_FOREIGN = 2.5
"""Difference, in shares of what is allowed, above which somebody is nobody known for sure."""


@dataclass(frozen=True)
class TrackRules:
    """How long people are known; times in nanoseconds.

    Attributes:
        silence: who was not seen for longer has left.
        memory: who has left for longer is forgotten.
        max_remembered: how many of those who left are remembered.
    """

    silence: int
    memory: int
    max_remembered: int


class Tracker:
    """Follows the people of one camera.

    Faces and tracks are paired greedily, the highest `score` first. A face without a pair begins a
    new track. Whether that is somebody who was there before is decided later, in
    `settle`, when more has been seen of them.

    Args:
        rules: see there.

    Attributes:
        forgotten: people who fell out because too many were there.
    """

    def __init__(self, rules: TrackRules) -> None:
        self._rules = rules
        self._tracks: list[Track] = []
        self._last_number = 0
        self._time = 0
        self.forgotten = 0

    def follow(self, faces: Sequence[Sighting], *, time: int) -> list[Track]:
        """Return the track of each face of one frame.

        Args:
            faces: of the frame.
            time: its capture time in nanoseconds; call in the order of capture.
        """
        if time < self._time:
            # The clock was set back: nobody's last sighting says anything any more.
            self._tracks.clear()
        before, self._time = self._time, time
        tracks = [t for t in self._tracks if time - t.seen <= self._rules.silence]
        near = [t.box for t in tracks if time - t.seen <= _JUST_SEEN_SECONDS * NS_PER_SECOND]
        hidden = [_is_hidden(face, faces, near=near, but=j) for j, face in enumerate(faces)]
        scores = {
            (i, j): value
            for i, track in enumerate(tracks)
            for j, face in enumerate(faces)
            if (
                value := score(
                    track,
                    face,
                    time=time,
                    absent=max(0, before - track.seen),
                    hidden=hidden[j],
                )
            )
            > 0
        }
        paired = pair(scores)
        found = [
            tracks[paired[j]] if j in paired else self._begin(face.box, time=time)
            for j, face in enumerate(faces)
        ]
        for track, face, doubtful in zip(found, faces, hidden, strict=True):
            _note(track, face, time=time, learn=not doubtful)
        self._bound()
        return found

    def _begin(self, box: Box, *, time: int) -> Track:
        track = Track(box, time, born=time, first_box=box)
        self._tracks.append(track)
        return track

    def settle(self) -> None:
        """Give a number to everybody who was read: an old one to who is known, else a new one.

        Call it before numbers are looked at, with as much seen as possible. Who has just come, and
        may be somebody known, gets a number the next time.
        """
        undecided = [
            t
            for t in self._tracks
            if t.number is None and t.first_read is not None and not 0 < t.described < _LEAST
        ]
        for track in sorted(undecided, key=lambda each: (each.first_read, each.born)):
            known, clear = self._recognised(track)
            if not clear and self._is_new(track):
                continue
            if known is None:
                self._last_number += 1
                track.number = self._last_number
            else:
                self._succeed(track, known, number=known.number)
        self._forget()

    def _recognised(self, track: Track) -> tuple[Track | None, bool]:
        """Return who left before a track began and looks like it, and whether that is clear."""
        found = sorted(
            (strangeness, i)
            for i, other in enumerate(self._tracks)
            if other.number is not None
            and other.seen < track.born
            and track.born - other.seen <= self._rules.memory
            and (strangeness := _strangeness(track, other)) is not None
        )
        if not found or found[0][0] > _FOREIGN:
            return None, True
        clear = track.looks.count >= _SURE
        second = found[1][0] if len(found) > 1 else math.inf
        same = found[0][0] <= 1 and second - found[0][0] >= _MARGIN
        return (self._tracks[found[0][1]] if same else None), clear

    def _is_in_sight(self, track: Track) -> bool:
        return self._time - track.seen <= self._rules.silence

    def _is_new(self, track: Track) -> bool:
        new = self._time - track.born < _PATIENCE_SECONDS * NS_PER_SECOND
        return new and self._is_in_sight(track)

    def _succeed(self, track: Track, known: Track, *, number: int | None) -> None:
        track.number = number
        track.looks.merge(known.looks)
        self._tracks.remove(known)

    def _forget(self) -> None:
        """Forget those who left unread, too long ago, or before too many others."""
        present = [t for t in self._tracks if self._is_in_sight(t)]
        gone = [
            t
            for t in self._tracks
            if self._rules.silence < self._time - t.seen <= self._rules.memory
            and t.number is not None
            and t.looks.count > 0
        ]
        gone.sort(key=lambda track: track.seen)
        kept = gone[max(0, len(gone) - self._rules.max_remembered) :]
        self.forgotten += len(gone) - len(kept)
        self._tracks = kept + present

    def _bound(self) -> None:
        if len(self._tracks) > _MAX_TRACKS:
            self.forgotten += len(self._tracks) - _MAX_TRACKS
            self._tracks = sorted(self._tracks, key=lambda track: track.seen)[-_MAX_TRACKS:]

    def resume(self, numbers: Mapping[Box, int], *, since: int, last_number: int) -> None:
        """Give people the numbers that an earlier life of this service gave them.

        Call it instead of `settle` after the frames of a window that this life has emitted.

        Args:
            numbers: by the box in which each person was seen last.
            since: start of that window in nanoseconds; who was not seen in it is not touched.
            last_number: the highest one given so far.
        """
        self._last_number = max(self._last_number, last_number)
        for track in [t for t in self._tracks if t.seen >= since]:
            number = numbers.get(track.box)
            for known in [t for t in self._tracks if t.number == number and t is not track]:
                if number is not None:
                    self._succeed(track, known, number=number)
            track.number = number
        # Who was read and is not listed is somebody listed who was lost and found again.
        self._tracks = [
            t
            for t in self._tracks
            if t.number is not None or t.first_read is None or t.looks.count < _SURE
        ]
        self._forget()


def _note(track: Track, face: Sighting, *, time: int, learn: bool) -> None:
    track.moved_to(face.box, time=time)
    track.described += bool(face.appearance)
    if face.appearance and learn:
        track.looks.add(face.appearance)
    if face.read and track.first_read is None:
        track.first_read = time


def _is_hidden(face: Sighting, faces: Sequence[Sighting], *, near: Sequence[Box], but: int) -> bool:
    """Say whether a face may be hidden by another, or by somebody nearer who is missed just now."""
    others = (other.box for i, other in enumerate(faces) if i != but)
    nearer = (box for box in near if is_farther(face.box, box))
    return any(hides(box, face.box) for box in (*others, *nearer))


def _strangeness(track: Track, known: Track) -> float | None:
    """Say how much a track differs from somebody known, in shares of what is allowed.

    None if the two cannot be compared well enough to be the same.
    """
    found = compare(track.looks.mean, known.looks.mean)
    if found is None:
        return None
    here = _same_place(track, known)
    if found.common < _FIGURES and not here:
        return None
    allowed = _SAME_PLACE if here else _SAME
    share = 1.0 if track.looks.count >= _SURE else _UNSURE_SHARE
    return found.apart / (allowed * share)


def _same_place(track: Track, known: Track) -> bool:
    soon = track.born - known.seen <= _PLACE_SECONDS * NS_PER_SECOND
    return soon and apart(known.box, track.first_box) < _PLACE
