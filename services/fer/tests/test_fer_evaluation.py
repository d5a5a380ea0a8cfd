import numpy as np
import pytest

from moodcue_fer.evaluation import among, calibration_error, evaluate, reliability, wilson_interval


def rows(answers: list[int], confidence: float = 0.7) -> np.ndarray:
    """Probabilities whose highest is `confidence` at each answer."""
    table = np.full((len(answers), 7), (1 - confidence) / 6, dtype=np.float32)
    table[np.arange(len(answers)), answers] = confidence
    return table


def test_figures_of_four_answers_by_hand() -> None:
    figures = evaluate(rows([0, 0, 3, 3]), np.array([0, 3, 3, 3]))
    assert figures["n"] == 4
    assert figures["accuracy"] == 0.75
    assert figures["per_class"]["anger"] == {
        "n": 1,
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
    }
    assert figures["per_class"]["happiness"]["recall"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert figures["confusion"][3][0] == 1


def test_an_answer_of_a_class_without_labels_is_wrong_and_no_class_of_the_mean() -> None:
    figures = evaluate(rows([6, 3]), np.array([3, 3]))
    assert figures["accuracy"] == 0.5
    assert list(figures["per_class"]) == ["happiness"]


def test_calibration_error_is_the_distance_of_confidence_and_accuracy() -> None:
    labels = np.array([3] * 7 + [0] * 3)
    assert calibration_error(rows([3] * 10), labels) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(rows([3] * 10, 0.9), labels) == pytest.approx(0.2, abs=1e-6)
    mixed = np.concatenate([rows([3] * 7, 0.9), rows([3] * 3, 0.4)])
    # Seven right at 0.9 and three wrong at 0.4: (7 * 0.1 + 3 * 0.4) / 10.
    assert calibration_error(mixed, labels) == pytest.approx(0.19, abs=1e-6)


def test_reliability_has_a_row_for_each_bin_that_is_not_empty() -> None:
    mixed = np.concatenate([rows([3] * 4, 0.9), rows([3] * 2, 0.4)])
    low, high = reliability(mixed, np.array([3, 3, 3, 0, 3, 0]))
    assert low == {"n": 2, "confidence": pytest.approx(0.4), "accuracy": 0.5}
    assert high == {"n": 4, "confidence": pytest.approx(0.9), "accuracy": 0.75}


def test_answers_among_the_classes_that_there_are_keep_their_order() -> None:
    probabilities = np.array([[0.1, 0.0, 0.0, 0.3, 0.0, 0.0, 0.6]], dtype=np.float32)
    inside = among(np.repeat(probabilities, 2, axis=0), np.array([0, 3]))
    assert inside[0] == pytest.approx([0.25, 0, 0, 0.75, 0, 0, 0])


def test_wilson_interval_of_a_known_case() -> None:
    # 65 of 100: 0.5525 to 0.7364 in the usual tables.
    assert wilson_interval(0.65, count=100) == pytest.approx([0.5525, 0.7364], abs=1e-4)


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(ValueError, match="no labelled face"):
        evaluate(np.zeros((0, 7), dtype=np.float32), np.zeros(0, dtype=np.int64))
