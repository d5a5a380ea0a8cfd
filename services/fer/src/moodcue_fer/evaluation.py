"""How well probabilities agree with labels: accuracy, F1, calibration, per class."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moodcue.taxonomy import EMOTIONS

CALIBRATION_BINS: Final = 15
Z_95: Final = 1.959964


def evaluate(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Measure predictions; the answer is the emotion with the highest of the seven.

    Classes that the labels do not have are left out of `per_class` and of the mean F1, but an
    answer of such a class still counts as wrong.

    Args:
        probabilities: Shape (n, 7), in the order of `EMOTIONS`.
        labels: Places in `EMOTIONS`, shape (n,), each 0..6.

    Returns:
        `n`, `accuracy` with its 95 % Wilson interval, `macro_f1`, `ece` (15 bins), `per_class`,
        `confusion` (row: label, column: answer, in the order of `labels`) and `reliability`
        (see there).

    Raises:
        ValueError: There is nothing to measure.
    """
    if len(labels) == 0:
        raise ValueError("nothing to evaluate: no labelled face")
    answers = probabilities.argmax(axis=1)
    accuracy = float((answers == labels).mean())
    table = confusion(answers, labels)
    per_class = {
        emotion: _class_figures(table, place)
        for place, emotion in enumerate(EMOTIONS)
        if table[place].sum() > 0
    }
    return {
        "n": len(labels),
        "accuracy": accuracy,
        "accuracy_interval_95": wilson_interval(accuracy, count=len(labels)),
        "macro_f1": float(np.mean([figures["f1"] for figures in per_class.values()])),
        "ece": calibration_error(probabilities, labels),
        "per_class": per_class,
        "labels": list(EMOTIONS),
        "confusion": table.tolist(),
        "reliability": reliability(probabilities, labels),
    }


def among(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the probabilities given that the answer is one of the classes that the labels have."""
    present = np.isin(np.arange(len(EMOTIONS)), labels)
    inside = np.where(present, np.maximum(probabilities, np.finfo(np.float32).tiny), 0)
    return np.asarray(inside / inside.sum(axis=1, keepdims=True), dtype=np.float32)


def confusion(
    answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Count answers: shape (7, 7), row the label, column the answer."""
    size = len(EMOTIONS)
    return np.bincount(labels * size + answers, minlength=size * size).reshape(size, size)


def calibration_error(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> float:
    """Return the expected calibration error, 0..1, over 15 bins of equal width.

    It is the mean distance between the highest probability and the share of right answers in
    its bin, weighted by the bin's size (Guo et al., 2017).
    """
    return math.fsum(
        row["n"] * abs(row["accuracy"] - row["confidence"])
        for row in reliability(probabilities, labels)
    ) / len(labels)


def reliability(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> list[dict[str, float]]:
    """Return, for each of 15 bins of the highest probability that is not empty, what is in it.

    Returns:
        From low to high: `n`, mean `confidence`, and `accuracy`, each 0..1.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    return [
        {
            "n": int((bins == place).sum()),
            "confidence": float(confidence[bins == place].mean()),
            "accuracy": float(right[bins == place].mean()),
        }
        for place in np.unique(bins)
    ]


def wilson_interval(share: float, *, count: int) -> list[float]:
    """Return the 95 % interval of a share of `count` (Wilson, 1927), lower and upper end."""
    square = Z_95**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    spread = Z_95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    spread /= 1 + square / count
    return [centre - spread, centre + spread]


def _class_figures(table: npt.NDArray[np.int64], place: int) -> dict[str, float]:
    right, labelled = int(table[place, place]), int(table[place].sum())
    answered = int(table[:, place].sum())
    return {
        "n": labelled,
        "precision": right / answered if answered else 0.0,
        "recall": right / labelled,
        "f1": 2 * right / (labelled + answered),
    }
