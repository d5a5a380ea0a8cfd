from pathlib import Path

import cv2
import numpy as np

from moodcue_fer.evaluation import evaluate
from moodcue_fer.training.plots import draw_evaluation


def test_an_evaluation_is_drawn_as_two_pictures_that_differ_with_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(7), 200).astype(np.float32)
    drawn = []
    for place, labels in enumerate((probabilities.argmax(1), random.integers(0, 7, 200))):
        record = {"dataset": "drawn", **evaluate(probabilities, labels)}
        files = draw_evaluation(record, folder=tmp_path / str(place))
        assert [path.name for path in files] == ["confusion.png", "reliability.png"]
        drawn.append([cv2.imread(str(path)) for path in files])
    for right, wrong in zip(*drawn, strict=True):
        assert right.std() > 10
        assert not np.array_equal(right, wrong)
