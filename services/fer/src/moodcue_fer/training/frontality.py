"""How frontal labelled faces are, measured by YuNet's landmarks: what the network learns from."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.errors import ModelError

ENLARGED: Final = 112
"""Side in pixels to which a crop is enlarged for YuNet."""

MARGIN: Final = 24
"""Grey pixels around it: YuNet misses faces that fill the picture."""

GREY: Final = 128
MINIMUM_SCORE: Final = 0.5
ROW: Final = 15
SCORE_COLUMN: Final = 14
"""What YuNet says of a face, and where in it the score is."""


def measure_frontality(crops: npt.NDArray[np.uint8], *, yunet: Path) -> npt.NDArray[np.float32]:
    """Return how frontal faces are: 1 for a nose midway between the eyes, 0 beyond an eye.

    With d and e the distances of the nose from the two eyes along the line through them, it is
    1 - |d - e| / (d + e), and 0 where the nose lies outside of the eyes.

    Args:
        crops: Grey crops, uint8, shape (faces, 48, 48).
        yunet: ONNX file of OpenCV's YuNet.

    Returns:
        float32, shape (faces,); not a number where YuNet finds no face.

    Raises:
        ModelError: The file is not there or no YuNet.
    """
    if not yunet.is_file():
        raise ModelError(f"no YuNet model at {yunet}: name its ONNX file")
    side = ENLARGED + 2 * MARGIN
    try:
        detector = cv2.FaceDetectorYN.create(str(yunet), "", (side, side), MINIMUM_SCORE)
    except cv2.error as error:
        raise ModelError(f"{yunet} is not a YuNet model: {error.err}") from error
    return np.array([_frontality(detector, crop) for crop in crops], dtype=np.float32)


def _frontality(detector: cv2.FaceDetectorYN, crop: npt.NDArray[np.uint8]) -> float:
    large = cv2.resize(crop, (ENLARGED, ENLARGED), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(
        large, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=[GREY]
    )
    _, faces = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    # OpenCV gives None where it finds nothing, which its types do not say.
    rows = np.reshape(faces if isinstance(faces, np.ndarray) else (), (-1, ROW))
    if len(rows) == 0:
        return float("nan")
    return frontality_of(rows[int(rows[:, SCORE_COLUMN].argmax())])


def frontality_of(face: npt.NDArray[np.float32]) -> float:
    """Return the frontality, 0..1, of a row of YuNet: box, then eyes, nose and mouth as x, y."""
    one_eye, other_eye, nose = face[4:6], face[6:8], face[8:10]
    line = other_eye - one_eye
    length = float(np.hypot(*line))
    if length < 1:
        return 0.0
    one, other = float((nose - one_eye) @ line) / length, float((other_eye - nose) @ line) / length
    if one <= 0 or other <= 0:
        return 0.0
    return 1 - abs(one - other) / (one + other)
