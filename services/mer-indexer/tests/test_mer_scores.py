import numpy as np
import pytest

from moodcue_mer_indexer.scores import macro_f1_interval, quadrant_metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def predictions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, 200)
    probabilities = generator.dirichlet(np.ones(4), 200)
    probabilities[np.arange(200), truth] += 0.3
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    truth, probabilities = predictions(seed)
    predicted = probabilities.argmax(axis=1)

    figures = quadrant_metrics(truth, probabilities)

    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        expected = sklearn_metrics.f1_score(truth, predicted, average=average)
        assert figures[name] == pytest.approx(expected)
    assert figures["accuracy"] == pytest.approx((truth == predicted).mean())


def test_halves_of_the_plane_are_judged_by_their_probability() -> None:
    truth = np.array([0, 1, 2, 3])
    probabilities = np.array(
        [
            [0.40, 0.3, 0.1, 0.20],
            [0.30, 0.4, 0.2, 0.10],
            [0.45, 0.1, 0.3, 0.15],
            [0.10, 0.2, 0.2, 0.50],
        ]
    )

    figures = quadrant_metrics(truth, probabilities)

    assert figures["arousal_accuracy"] == 0.75
    assert figures["valence_accuracy"] == 0.75


def test_a_quadrant_without_songs_does_not_count() -> None:
    figures = quadrant_metrics(np.array([0, 0, 1]), np.eye(4)[[0, 0, 1]])

    assert figures["macro_f1"] == 1.0


def test_the_interval_holds_the_figure_and_narrows_with_more_songs() -> None:
    truth, probabilities = predictions(1)
    figure = quadrant_metrics(truth, probabilities)["macro_f1"]

    low, high = macro_f1_interval(truth, probabilities)
    few_low, few_high = macro_f1_interval(truth[:40], probabilities[:40])

    assert low < figure < high
    assert high - low < few_high - few_low
    assert macro_f1_interval(truth, probabilities) == (low, high)
