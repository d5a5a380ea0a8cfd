"""What finds faces: OpenCV's Haar cascade, and YuNet. Both search a whole frame or near a box."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import cv2
import cv2.data
import numpy as np

from moodcue.errors import ModelError
from moodcue.events import Box
from moodcue_fer.faces import Detection, GreyPicture, merge, reduce, square

HAAR_FILE: Final = "haarcascade_frontalface_default.xml"
SMALLEST_FACE: Final = 24
"""Side in pixels of the smallest face that is sought, which is the window of the cascade."""

COARSE_STEP: Final = 1.25
"""Ratio of the sizes at which the whole frame is searched for places that may be faces."""

FINE_STEP: Final = 1.08
"""Ratio of the sizes at which such a place is looked at."""

NEW_FACE_HITS: Final = 3
KNOWN_FACE_HITS: Final = 2
"""Overlapping hits that make a face: fewer do where one was a moment ago."""

FINE_FACE: Final = 30
"""Side in pixels to which a face is brought before it is looked at."""

PLACE_SIZES: Final = (0.8, 1.35)
KNOWN_SIZES: Final = (0.84, 1.2)
"""Smallest and largest face that is looked for: in sides of a place that may be a face, and of a
face that was there a moment ago, whose size is known within two fine steps. YuNet may
answer with any size of a place near a known face.

OpenCV tries every second place for faces of up to 48 pixels and every place for larger ones, which
would weigh four times as much in the mean that becomes the box; here all are smaller. The time goes
into the small ones.
"""

MOST_PLACES: Final = 24
"""Places of a frame that are looked at, the likeliest ones: a carpet may have hundreds."""

PLACE_MARGIN: Final = 0.25
"""What is looked at around a place that may be a face, in its sides."""

SEARCH_MARGIN: Final = 0.4
"""How far around a known face it is sought again, in its sides."""

HAAR_WEIGHT_SCALE: Final = 4.0
"""Stage weight at which a Haar face gets the score 1 - 1/e.

Weights of true faces lie between 2.5 and 12, which gives scores of 0.47 to 0.95.
"""

YUNET_SIDE: Final = 0.96
"""Side of FER2013's square in heights of a YuNet box: median over 559 of FER2013's pictures.

The centres agree within 0.3 % of that height.
"""

YUNET_FACE: Final = 64
"""Side in pixels to which a known face is brought before YuNet seeks it again."""


class FaceDetector(Protocol):
    """Finds faces in a frame."""

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, uint8, shape (height, width), largest first."""
        ...

    def detect_near(self, grey: GreyPicture, box: Box) -> list[Detection]:
        """Return the faces near a box and of about its size; their boxes are as of `detect`."""
        ...


class HaarDetector:
    """The frontal face cascade that ships with OpenCV.

    The whole frame is searched in two steps: quickly, at reduced size and in large steps, for
    places that may be faces, and these carefully. That takes half the time of one careful search
    and finds about as much; a face is looked at in the same way wherever its place is known from.

    Its boxes are FER2013's framing as they are: over FER2013's own pictures the median box has
    0.99 of a picture's side and its centre within 0.4 %.

    Args:
        search_pixels: The frame is reduced until its longer side has this many pixels, so that
            the smallest face that can be found is 24 / search_pixels of that side.
    """

    def __init__(self, *, search_pixels: int = 320) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / HAAR_FILE))
        self._search_pixels = search_pixels

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, largest first."""
        small, ratio = reduce(grey, longer_side=self._search_pixels)
        if min(small.shape) < SMALLEST_FACE:
            return []
        hits = self._hits(small, step=COARSE_STEP, neighbours=1, sizes=(SMALLEST_FACE, 0))
        places = merge(_scaled(hits, ratio=ratio))
        likeliest = sorted(places, key=lambda place: -place.score)[:MOST_PLACES]
        return merge(
            face
            for place in likeliest
            for face in self._look(
                grey, place.box, margin=PLACE_MARGIN, sizes=PLACE_SIZES, hits=NEW_FACE_HITS
            )
        )

    def detect_near(self, grey: GreyPicture, box: Box) -> list[Detection]:
        """Return the faces near a box and of about its size, largest first."""
        return merge(
            self._look(grey, box, margin=SEARCH_MARGIN, sizes=KNOWN_SIZES, hits=KNOWN_FACE_HITS)
        )

    def _look(
        self, grey: GreyPicture, box: Box, *, margin: float, sizes: tuple[float, float], hits: int
    ) -> list[Detection]:
        region = Region.around(box, grey=grey, margin=margin, face_pixels=FINE_FACE)
        if region is None or min(region.pixels.shape) < SMALLEST_FACE:
            return []
        smallest, largest = (round(FINE_FACE * share) for share in sizes)
        found = self._hits(
            region.pixels, step=FINE_STEP, neighbours=hits, sizes=(smallest, largest)
        )
        return _scaled(found, ratio=region.ratio, left=region.left, top=region.top)

    def _hits(
        self, small: GreyPicture, *, step: float, neighbours: int, sizes: tuple[int, int]
    ) -> list[tuple[float, float, float, float]]:
        """Return left, top, side and weight of each hit; a largest size of 0 sets no limit."""
        boxes, _, weights = self._cascade.detectMultiScale3(
            small,
            scaleFactor=step,
            minNeighbors=neighbours,
            minSize=(sizes[0], sizes[0]),
            maxSize=(sizes[1], sizes[1]),
            outputRejectLevels=True,
        )
        # OpenCV gives tuples, or weights of another shape, where it finds nothing.
        found = zip(np.reshape(boxes, (-1, 4)), np.ravel(weights), strict=True)
        return [
            (float(x), float(y), float(side), float(weight)) for (x, y, side, _), weight in found
        ]


class YuNetDetector:
    """OpenCV's YuNet network (Wu et al., 2023), its boxes turned into FER2013's framing.

    Args:
        model: The ONNX file of YuNet.
        search_pixels: As for `HaarDetector`.
        minimum_score: Faces below this score, 0..1, are left out.

    Raises:
        ModelError: The file is missing or not readable.
    """

    def __init__(
        self, model: Path, *, search_pixels: int = 320, minimum_score: float = 0.6
    ) -> None:
        if not model.is_file():
            raise ModelError(f"no YuNet model at {model}; set MOODCUE_FER_YUNET_MODEL to its file")
        try:
            self._network = cv2.FaceDetectorYN.create(str(model), "", (32, 32), minimum_score)
        except cv2.error as error:
            raise ModelError(f"{model} is not a YuNet model: {error.err}") from error
        self._search_pixels = search_pixels

    def detect(self, grey: GreyPicture) -> list[Detection]:
        """Return the faces of a grey frame, largest first."""
        small, ratio = reduce(grey, longer_side=self._search_pixels)
        return merge(self._find(small, ratio=ratio))

    def detect_near(self, grey: GreyPicture, box: Box) -> list[Detection]:
        """Return the faces near a box and of about its size, largest first."""
        region = Region.around(box, grey=grey, margin=SEARCH_MARGIN, face_pixels=YUNET_FACE)
        if region is None:
            return []
        found = self._find(region.pixels, ratio=region.ratio, left=region.left, top=region.top)
        # The network also takes half a face at the edge of the region for one.
        return merge(face for face in found if _is_near(face.box, box))

    def _find(
        self, small: GreyPicture, *, ratio: float, left: int = 0, top: int = 0
    ) -> list[Detection]:
        height, width = small.shape
        if min(height, width) < SMALLEST_FACE:
            return []
        self._network.setInputSize((width, height))
        _, rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
        return [
            Detection(
                box=square(
                    centre_x=left + float(row[0] + row[2] / 2) * ratio,
                    centre_y=top + float(row[1] + row[3] / 2) * ratio,
                    side=float(row[3]) * YUNET_SIDE * ratio,
                ),
                score=min(max(float(row[14]), 0.0), 1.0),
            )
            for row in (() if rows is None else rows)
        ]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a frame, scaled.

    Attributes:
        pixels: Grey pixels, uint8, shape (height, width).
        left: Column of the frame at its left border.
        top: Row of the frame at its upper border.
        ratio: Pixels of the frame per pixel of the region.
    """

    pixels: GreyPicture
    left: int
    top: int
    ratio: float

    @classmethod
    def around(
        cls, box: Box, *, grey: GreyPicture, margin: float, face_pixels: int
    ) -> "Region | None":
        """Cut out a box with a margin of some of its sides and bring it to `face_pixels`."""
        left, top, side, _ = box
        reach = round(side * margin)
        first_x, first_y = max(0, left - reach), max(0, top - reach)
        inside = grey[first_y : max(0, top + side + reach), first_x : max(0, left + side + reach)]
        if inside.size == 0:
            return None
        ratio = side / face_pixels
        size = (max(1, round(inside.shape[1] / ratio)), max(1, round(inside.shape[0] / ratio)))
        method = cv2.INTER_AREA if ratio > 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(inside, size, interpolation=method), dtype=np.uint8)
        return cls(pixels=pixels, left=first_x, top=first_y, ratio=ratio)


def _scaled(
    hits: Sequence[tuple[float, float, float, float]], *, ratio: float, left: int = 0, top: int = 0
) -> list[Detection]:
    return [
        Detection(
            box=square(
                centre_x=left + (x + side / 2) * ratio,
                centre_y=top + (y + side / 2) * ratio,
                side=side * ratio,
            ),
            score=1 - math.exp(-max(weight, 0.0) / HAAR_WEIGHT_SCALE),
        )
        for x, y, side, weight in hits
    ]


def _is_near(found: Box, known: Box) -> bool:
    shift_x = abs(found[0] + found[2] / 2 - known[0] - known[2] / 2)
    shift_y = abs(found[1] + found[3] / 2 - known[1] - known[3] / 2)
    smallest, largest = (known[2] * share for share in PLACE_SIZES)
    return max(shift_x, shift_y) <= SEARCH_MARGIN * known[2] and smallest <= found[2] <= largest
