"""Searches for faces where they were, and the whole frame when that may not be enough."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_fer.detectors import FaceDetector
from moodcue_fer.faces import SAME_FACE, Detection, GreyPicture, merge, overlap

Thumbnail = npt.NDArray[np.float32]

MOST_CAMERAS: Final = 64
"""Cameras whose faces are remembered, those of the newest frames: 20 kB each."""

MOST_MISSED: Final = 8
"""Places of lost faces that are looked at until the whole frame is due."""

THUMBNAIL_PIXELS: Final = 80
"""Longer side of the picture that tells whether the scene has changed."""

CHANGED_LEVELS: Final = 12.0
"""Grey levels by which a place has changed: above noise, below a face before most walls."""

CHANGED_PIXELS: Final = 6
"""Pixels of the thumbnail that must have changed: less than the smallest face covers."""

ZONE: Final = (0.25, 0.3, 0.3)
"""What moves with a face, in its sides: to each side, above and below its box."""


class Search(StrEnum):
    """How a frame was searched: near known faces, or all of it, and why."""

    LOCAL = "local"
    FIRST = "first"
    DUE = "due"
    CHANGED = "changed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where and when a frame was taken.

    Attributes:
        camera: Name of the camera.
        time: Capture time in ns. No other clock decides anything here.
    """

    camera: str
    time: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """The faces of a frame, largest first, and how they were found."""

    detections: list[Detection]
    search: Search


@dataclass(frozen=True, kw_only=True)
class _Hint:
    """What is known of a camera.

    Attributes:
        shape: Height and width of its frames.
        time: Capture time of its newest frame.
        searched: Capture time of its newest frame that was searched as a whole.
        thumbnail: That frame in small.
        zones: Boxes of the faces then.
        known: Boxes of the faces in the newest frame.
        missed: Boxes of faces that were not found again; they may be back in the next frame.
    """

    shape: tuple[int, ...]
    time: int
    searched: int
    thumbnail: Thumbnail
    zones: tuple[Box, ...]
    known: tuple[Box, ...]
    missed: tuple[Box, ...]


class FaceSearch:
    """Finds the faces of a camera's frames, most of the time near those of the frame before.

    What it remembers are hints: without them it searches the whole frame, so that any worker can
    take any frame. The whole frame is searched when nobody is known, when a known face is not
    found again, when the scene has changed beside the known faces, and when the last time is
    longer ago than a limit. Use it in one thread.

    Args:
        detector: Finds the faces.
        full_search_seconds: Capture time after which the whole frame is searched again; 0 does
            that on every frame.
        most_cameras: So many cameras are remembered; the one whose frame is longest ago goes.
    """

    def __init__(
        self,
        detector: FaceDetector,
        *,
        full_search_seconds: float = 1.0,
        most_cameras: int = MOST_CAMERAS,
    ) -> None:
        self._detector = detector
        self._limit = round(full_search_seconds * NS_PER_SECOND)
        self._most_cameras = most_cameras
        self._hints: OrderedDict[str, _Hint] = OrderedDict()

    def find(self, grey: GreyPicture, moment: Moment | None = None) -> Found:
        """Find the faces of a frame.

        Args:
            grey: Grey frame, uint8, shape (height, width).
            moment: Where and when it was taken; without it nothing is used or remembered.
        """
        if moment is None:
            return Found(detections=self._detector.detect(grey), search=Search.FIRST)
        hint = self._hints.get(moment.camera)
        thumbnail = shrink(grey)
        search = self._choose(hint, grey.shape, moment.time, thumbnail)
        near: list[Detection] = []
        if hint is not None and search is Search.LOCAL:
            near, all_there = self._search_near(grey, hint)
            search = Search.LOCAL if all_there else Search.LOST
        whole = [] if search is Search.LOCAL else self._detector.detect(grey)
        # A face that was found near its place is kept, also where the quicker search misses it.
        found = Found(detections=merge([*near, *whole]), search=search)
        self._remember(hint, found, moment, grey.shape, thumbnail)
        return found

    def _choose(
        self, hint: _Hint | None, shape: tuple[int, ...], time: int, thumbnail: Thumbnail
    ) -> Search:
        if hint is None or hint.shape != shape or time < hint.time:
            return Search.FIRST
        if time - hint.searched >= self._limit:
            return Search.DUE
        if not hint.known:
            return Search.LOST
        zones = zone_mask(hint.zones + hint.known, shape=shape)
        if has_changed(thumbnail, hint.thumbnail, ignored=zones):
            return Search.CHANGED
        return Search.LOCAL

    def _search_near(self, grey: GreyPicture, hint: _Hint) -> tuple[list[Detection], bool]:
        """Search near known faces; return what is found and whether none of them is lost."""
        known = [self._detector.detect_near(grey, box) for box in hint.known]
        missed = [self._detector.detect_near(grey, box) for box in hint.missed]
        # One face in the reach of two known ones is one face.
        all_there = all(known) and len(merge(chain(*known))) >= len(known)
        return merge(chain(*known, *missed)), all_there

    def _remember(
        self,
        hint: _Hint | None,
        found: Found,
        moment: Moment,
        shape: tuple[int, ...],
        thumbnail: Thumbnail,
    ) -> None:
        # A frame that was overtaken says nothing new, unless the camera's time begins anew.
        if hint is not None and 0 < hint.time - moment.time <= self._limit:
            return
        boxes = tuple(detection.box for detection in found.detections)
        missed: tuple[Box, ...] = ()
        if hint is not None and found.search is not Search.FIRST:
            # Also a search of the whole frame overlooks a face now and then.
            before = hint.known if found.search is Search.DUE else hint.known + hint.missed
            missed = tuple(box for box in before if _is_missing(box, boxes))[:MOST_MISSED]
        if hint is not None and found.search is Search.LOCAL:
            new = replace(hint, time=moment.time, known=boxes, missed=missed)
        else:
            new = _Hint(
                shape=shape,
                time=moment.time,
                searched=moment.time,
                thumbnail=thumbnail,
                zones=boxes,
                known=boxes,
                missed=missed,
            )
        self._hints[moment.camera] = new
        self._hints.move_to_end(moment.camera)
        while len(self._hints) > self._most_cameras:
            self._hints.popitem(last=False)


def shrink(grey: GreyPicture) -> Thumbnail:
    """Return a frame with 80 pixels on its longer side, float32, grey levels."""
    ratio = max(1.0, max(grey.shape) / THUMBNAIL_PIXELS)
    size = (max(1, round(grey.shape[1] / ratio)), max(1, round(grey.shape[0] / ratio)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def zone_mask(boxes: Sequence[Box], *, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return which pixels of the thumbnail of a frame of this shape move with known faces."""
    ratio = max(1.0, max(shape) / THUMBNAIL_PIXELS)
    mask = np.zeros((max(1, round(shape[0] / ratio)), max(1, round(shape[1] / ratio))), np.bool_)
    beside, above, below = ZONE
    for left, top, side, _ in boxes:
        columns = _span(left - beside * side, left + (1 + beside) * side, ratio)
        mask[_span(top - above * side, top + (1 + below) * side, ratio), columns] = True
    return mask


def has_changed(now: Thumbnail, before: Thumbnail, *, ignored: npt.NDArray[np.bool_]) -> bool:
    """Tell whether two thumbnails of a scene differ by more than noise and light.

    The gain and offset that bring the earlier one closest to the later one are taken out first, so
    that a cloud or a camera's exposure is no change.

    Args:
        now: float32, shape (height, width), grey levels.
        before: The same shape.
        ignored: Where a difference does not count, the same shape.
    """
    seen = ~ignored
    if not seen.any():
        return False
    one, other = before[seen], now[seen]
    mean_one, mean_other = one.mean(), other.mean()
    spread = float(np.square(one - mean_one).mean())
    shared = float(((one - mean_one) * (other - mean_other)).mean())
    gain = min(max(shared / spread, 0.5), 2.0) if spread > 1 else 1.0
    difference = np.where(seen, now - mean_other - gain * (before - mean_one), 0.0)
    smooth = np.abs(cv2.blur(difference.astype(np.float32), (3, 3)))
    return int(np.count_nonzero(smooth > CHANGED_LEVELS)) >= CHANGED_PIXELS


def _span(first: float, last: float, ratio: float) -> slice:
    return slice(max(0, int(first / ratio)), max(0, round(last / ratio) + 1))


def _is_missing(box: Box, found: Sequence[Box]) -> bool:
    return all(overlap(box, other) < SAME_FACE for other in found)
