"""Figures of merit for quadrant predictions, with numpy alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodcue.taxonomy import QUADRANTS

_CALIBRATION_BINS = 15
_HIGH_AROUSAL = np.array([True, True, False, False])
_HIGH_VALENCE = np.array([True, False, False, True])


def scored(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """Return how many songs were judged, `quadrant_metrics`, and the interval of the macro-F1.

    Args:
        truth: Quadrant index per song, shape ``(songs,)``.
        probabilities: Shape ``(songs, 4)``, rows sum to 1.
    """
    return {
        "n": len(truth),
        **quadrant_metrics(truth, probabilities),
        "macro_f1_interval_95": list(macro_f1_interval(truth, probabilities)),
    }


def quadrant_metrics(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> dict[str, float]:
    """Return macro and weighted F1, accuracy and the accuracy of each half of the plane.

    Args:
        truth: Quadrant index per song, shape ``(songs,)``.
        probabilities: Shape ``(songs, 4)``, rows sum to 1.

    Returns:
        ``macro_f1``, ``weighted_f1``, ``accuracy``, ``ece`` (expected calibration error of the
        most probable quadrant over 15 bins of equal width), ``arousal_accuracy`` and
        ``valence_accuracy`` (the half of the plane with more probability, against the half that
        the label lies in), and ``f1_Q1`` to ``f1_Q4``; all from 0 to 1. A quadrant that is
        neither in the labels nor predicted is left out of the macro average.
    """
    predicted = probabilities.argmax(axis=1)
    scores, support, present = _f1_per_quadrant(truth, predicted)
    figures = {
        "macro_f1": float(scores[present].mean()),
        "weighted_f1": float((scores * support).sum() / support.sum()),
        "accuracy": float((predicted == truth).mean()),
        "ece": _calibration_error(truth, probabilities),
        "arousal_accuracy": _half_accuracy(truth, probabilities, half=_HIGH_AROUSAL),
        "valence_accuracy": _half_accuracy(truth, probabilities, half=_HIGH_VALENCE),
    }
    return figures | {
        f"f1_{name}": float(score) for name, score in zip(QUADRANTS, scores, strict=True)
    }


def macro_f1_interval(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the macro-F1 over songs."""
    generator = np.random.default_rng(seed)
    predicted = probabilities.argmax(axis=1)
    scores = []
    for _ in range(resamples):
        chosen = generator.integers(0, len(truth), len(truth))
        per_quadrant, _, present = _f1_per_quadrant(truth[chosen], predicted[chosen])
        scores.append(per_quadrant[present].mean())
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def _f1_per_quadrant(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    classes = len(QUADRANTS)
    counts = np.bincount(truth * classes + predicted, minlength=classes**2)
    confusion = counts.reshape(classes, classes)
    hits = np.diag(confusion)
    support = confusion.sum(axis=1)
    claimed = support + confusion.sum(axis=0)
    scores = np.divide(2.0 * hits, claimed, out=np.zeros(classes), where=claimed > 0)
    return scores, support, claimed > 0


def _calibration_error(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the mean difference of confidence and accuracy, weighted by songs per bin."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=_CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def _half_accuracy(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64], *, half: NDArray[np.bool_]
) -> float:
    high = probabilities[:, half].sum(axis=1) > 0.5  # noqa: PLR2004 - more than the other half
    return float((high == half[truth]).mean())
