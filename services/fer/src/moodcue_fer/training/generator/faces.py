"""Choose the faces that the generator learns from, and lay them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import ModelError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import Fer2013, load_ck48, load_fer2013
from moodcue_fer.faces import sharpness
from moodcue_fer.preprocessing import CROP_SIZE
from moodcue_fer.training.data import split_training, vote_shares
from moodcue_fer.training.frontality import ENLARGED, GREY, MARGIN, ROW, SCORE_COLUMN, frontality_of
from moodcue_fer.training.generator.alignment import refine_placements
from moodcue_fer.training.generator.data import LaidFaces, lay, placement

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
    ours = posed.labels >= 0
    posed_emotions = np.eye(len(EMOTIONS), dtype=np.float32)[posed.labels[ours]]
    return lay_good(
        np.concatenate([faces.crops, posed.crops[ours]]),
        np.concatenate([emotions, posed_emotions]),
        yunet=yunet,
        selection=chosen,
    )


def lay_good(
    crops: npt.NDArray[np.uint8],
    emotions: npt.NDArray[np.float32],
    *,
    yunet: Path,
    selection: Selection,
) -> LaidFaces:
    """Lay those faces that are good enough and can be laid well.

    Args:
        crops: Grey crops, shape (n, 48, 48).
        emotions: Shares of the seven, shape (n, 7); their sums need not be 1.
        yunet: ONNX file of YuNet.
        selection: What is good enough.
    """
    rows = find_landmarks(crops, yunet=yunet)
    good = np.array(
        [is_good(c, r, selection=selection) for c, r in zip(crops, rows, strict=True)], bool
    )
    guesses = np.stack([placement(row) for row in rows[good]])
    matrices, is_laid = refine_placements(crops[good], guesses)
    laid = [
        lay(crop, matrix)
        for crop, matrix in zip(crops[good][is_laid], matrices[is_laid], strict=True)
    ]
    shares = emotions[good][is_laid]
    return LaidFaces(
        pictures=np.stack([picture for picture, _ in laid]),
        masks=np.stack([mask for _, mask in laid]),
        emotions=np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32),
    )


def crowd_emotions(faces: Fer2013) -> npt.NDArray[np.float32]:
    """Return what a face shows: 0.7 of FER+'s votes and 0.3 of FER2013's label, shape (n, 7).

    What the votes gave to contempt, unknown and not-a-face is missing from the sum.
    """
    label = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    votes = vote_shares(faces)[:, : len(EMOTIONS)]
    return np.asarray(0.7 * votes + 0.3 * label, dtype=np.float32)


def is_agreed(emotions: npt.NDArray[np.float32], *, selection: Selection) -> npt.NDArray[np.bool_]:
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
    row = np.array(rows[int(rows[:, SCORE_COLUMN].argmax())], np.float32)
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


def _first_of_group(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which pictures are not copies of an earlier one."""
    first = np.zeros(len(groups), bool)
    first[np.unique(groups, return_index=True)[1]] = True
    return np.asarray(first | (groups == 0))
