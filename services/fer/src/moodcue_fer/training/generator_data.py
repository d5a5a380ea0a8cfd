"""Faces for the generator: frontal ones of FER2013 and CK+, laid eye upon eye."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import ModelError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import Fer2013, LabelledFaces, load_ck48, load_fer2013
from moodcue_fer.faces import sharpness
from moodcue_fer.preprocessing import CROP_SIZE
from moodcue_fer.training.data import split_training, vote_shares
from moodcue_fer.training.frontality import ENLARGED, GREY, MARGIN, ROW, SCORE_COLUMN, frontality_of

SIZE: Final = 64
"""Height and width in pixels of a laid face."""

FRAME: Final = (6.0, 4.0, 52.0)
"""Left, top and side of FER2013's square in a laid face, which shows some more: the chin."""

LANDMARKS: Final = np.array(
    [[13.4, 18.0], [34.6, 18.0], [24.0, 28.2], [15.7, 37.0], [32.3, 37.0]], dtype=np.float64
)
"""Eyes, nose and corners of the mouth in FER2013's square of 48x48: medians over frontal faces
of FER2013 and CK+, made symmetric."""

LANDMARK_WEIGHTS: Final = np.array([1.0, 1.0, 0.5, 0.35, 0.35])
"""The mouth moves with the emotion, so that it counts less."""

CONTRAST: Final = 2.5
"""Standard deviations of grey that become 1."""

BRIGHTEST: Final = 1.2
SPLIT: Final = {"held_out_share": 0.05, "seed": 7}
"""The generator learns from the same part of Training as the network that reads faces."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which faces are good enough to learn from.

    Attributes:
        frontality: Smallest frontality, 0..1.
        score: Smallest score of YuNet, 0..1.
        eyes: Smallest and largest distance of the eyes in pixels of a crop of 48x48.
        roll_degrees: Largest tilt.
        sharpness: Smallest variance of the Laplacian of the crop.
        contrast: Smallest standard deviation of the crop's grey levels.
        agreement: Smallest share of the label that most of the crowd and FER2013 agree on.
        rare_agreement: The same for disgust and fear, of which there are few.
    """

    frontality: float = 0.78
    score: float = 0.8
    eyes: tuple[float, float] = (14.0, 27.0)
    roll_degrees: float = 15.0
    sharpness: float = 900.0
    contrast: float = 28.0
    agreement: float = 0.5
    rare_agreement: float = 0.3


@dataclass(frozen=True, kw_only=True)
class LaidFaces:
    """Faces with eyes, nose and mouth in the same places.

    Attributes:
        pictures: Grey, minus its mean, in units of 2.5 standard deviations, at most 1.2 to either
            side; float32, shape (n, 64, 64).
        masks: 1 where the source shows something, 0 beyond its border, float32, same shape.
        emotions: Shares of the seven, float32, shape (n, 7).
    """

    pictures: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]
    emotions: npt.NDArray[np.float32]

    def __add__(self, other: "LaidFaces") -> "LaidFaces":
        """Return these faces and then the others."""
        return LaidFaces(
            pictures=np.concatenate([self.pictures, other.pictures]),
            masks=np.concatenate([self.masks, other.masks]),
            emotions=np.concatenate([self.emotions, other.emotions]),
        )


def load_faces(
    fer2013: Path, *, ck48: Path, yunet: Path, selection: Selection | None = None
) -> LaidFaces:
    """Read, select and lay the faces to learn from.

    Args:
        fer2013: Folder of FER2013; the part that `split_training` trains on is used.
        ck48: Folder of the CK+ crops; contempt is left out.
        yunet: ONNX file of YuNet, which finds eyes, nose and mouth.
        selection: What is good enough.

    Raises:
        MoodcueError: A folder or the file is missing or not what it should be.
    """
    chosen = selection or Selection()
    faces = split_training(
        load_fer2013(fer2013), held_out_share=SPLIT["held_out_share"], seed=int(SPLIT["seed"])
    ).train
    faces = faces.select(_first_of_group(faces.groups))
    emotions = crowd_emotions(faces)
    faces_ok = is_agreed(emotions, selection=chosen)
    faces, emotions = faces.select(faces_ok), emotions[faces_ok]
    posed = load_ck48(ck48)
    return _lay_good(faces, emotions, yunet=yunet, selection=chosen) + _lay_good(
        LabelledFaces(crops=posed.crops[posed.labels >= 0], labels=posed.labels[posed.labels >= 0]),
        np.eye(len(EMOTIONS), dtype=np.float32)[posed.labels[posed.labels >= 0]],
        yunet=yunet,
        selection=chosen,
    )


def crowd_emotions(faces: Fer2013) -> npt.NDArray[np.float32]:
    """Return what a face shows: 0.7 of FER+'s votes and 0.3 of FER2013's label, shape (n, 7).

    What the votes gave to contempt, unknown and not-a-face is missing from the sum.
    """
    label = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    votes = vote_shares(faces)[:, : len(EMOTIONS)]
    return np.asarray(0.7 * votes + 0.3 * label, dtype=np.float32)


def is_agreed(
    emotions: npt.NDArray[np.float32], *, selection: Selection
) -> npt.NDArray[np.bool_]:
    """Return which faces show one emotion clearly enough, shape (n,)."""
    rare = np.isin(np.arange(len(EMOTIONS)), [EMOTIONS.index("disgust"), EMOTIONS.index("fear")])
    limit = np.where(rare, selection.rare_agreement, selection.agreement)
    best = emotions.argmax(axis=1)
    return np.asarray(emotions[np.arange(len(best)), best] >= limit[best])


def find_landmarks(crops: npt.NDArray[np.uint8], *, yunet: Path) -> npt.NDArray[np.float32]:
    """Return YuNet's row for each crop in pixels of the crop, shape (faces, 15).

    Box, then right eye, left eye, nose, and corners of the mouth as x, y, then the score; not a
    number where no face is found.

    Raises:
        ModelError: The file is not there or no YuNet.
    """
    if not yunet.is_file():
        raise ModelError(f"no YuNet model at {yunet}: name its ONNX file")
    side = ENLARGED + 2 * MARGIN
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (side, side), 0.5)
    return np.stack([_find(detector, crop) for crop in crops])


def _find(detector: cv2.FaceDetectorYN, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    large = cv2.resize(crop, (ENLARGED, ENLARGED), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(
        large, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=[GREY]
    )
    _, faces = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    # OpenCV gives None where it finds nothing, which its types do not say.
    rows = np.reshape(faces if isinstance(faces, np.ndarray) else (), (-1, ROW))
    if len(rows) == 0:
        return np.full(ROW, np.nan, dtype=np.float32)
    row = rows[int(rows[:, SCORE_COLUMN].argmax())].astype(np.float32)
    row[:2] -= MARGIN
    row[4:SCORE_COLUMN] -= MARGIN
    row[:SCORE_COLUMN] *= CROP_SIZE / ENLARGED
    return row


def is_good(
    crop: npt.NDArray[np.uint8], row: npt.NDArray[np.float32], *, selection: Selection
) -> bool:
    """Return whether a face with that row of YuNet is good enough to learn from."""
    if not np.isfinite(row[SCORE_COLUMN]) or row[SCORE_COLUMN] < selection.score:
        return False
    across, down = row[6:8] - row[4:6]
    smallest, largest = selection.eyes
    return bool(
        smallest <= np.hypot(across, down) <= largest
        and abs(np.degrees(np.arctan2(down, across))) <= selection.roll_degrees
        and frontality_of(row) >= selection.frontality
        and sharpness(crop) >= selection.sharpness
        and crop.std() >= selection.contrast
    )


def placement(row: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the 2x3 similarity from a crop to a laid face, least squares over the landmarks.

    Args:
        row: Row of YuNet in pixels of the crop.
    """
    points = row[4:SCORE_COLUMN].reshape(-1, 2).astype(np.float64)
    left, top, side = FRAME
    wanted = (LANDMARKS + 0.5) * side / CROP_SIZE + (left - 0.5, top - 0.5)
    weights = LANDMARK_WEIGHTS / LANDMARK_WEIGHTS.sum()
    from_middle, to_middle = weights @ points, weights @ wanted
    # As complex numbers a similarity is a product: the best factor is a weighted projection.
    source = (points - from_middle) @ (1, 1j)
    target = (wanted - to_middle) @ (1, 1j)
    factor = (weights * source.conj()) @ target / ((weights * source.conj()) @ source).real
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.hstack([turn, (to_middle - turn @ from_middle)[:, np.newaxis]])


def lay(
    crop: npt.NDArray[np.uint8], row: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lay a face: return its standardised picture and its mask, float32, shape (64, 64) each."""
    matrix = placement(row)
    laid = cv2.warpAffine(
        crop.astype(np.float32),
        matrix,
        (SIZE, SIZE),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inside = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
    inside[1:-1, 1:-1] = 1
    mask = cv2.warpAffine(inside, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR) > 0.99  # noqa: PLR2004 - wholly inside
    known = laid[mask]
    standard = (laid - known.mean()) / (CONTRAST * max(float(known.std()), 1.0))
    return (
        np.asarray(np.clip(standard, -BRIGHTEST, BRIGHTEST), np.float32),
        mask.astype(np.float32),
    )


def _lay_good(
    faces: LabelledFaces,
    emotions: npt.NDArray[np.float32],
    *,
    yunet: Path,
    selection: Selection,
) -> LaidFaces:
    rows = find_landmarks(faces.crops, yunet=yunet)
    good = np.array(
        [is_good(c, r, selection=selection) for c, r in zip(faces.crops, rows, strict=True)], bool
    )
    laid = [lay(c, r) for c, r in zip(faces.crops[good], rows[good], strict=True)]
    shares = emotions[good]
    return LaidFaces(
        pictures=np.stack([picture for picture, _ in laid]),
        masks=np.stack([mask for _, mask in laid]),
        emotions=np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32),
    )


def _first_of_group(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which pictures are not copies of an earlier one."""
    first = np.zeros(len(groups), bool)
    first[np.unique(groups, return_index=True)[1]] = True
    return first | (groups == 0)
