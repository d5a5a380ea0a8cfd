"""FER2013 as training material: split and soft targets."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import Fer2013

FIT_STEPS: Final = 60
FIT_PENALTY: Final = 1e-4


@dataclass(frozen=True, kw_only=True)
class TrainingSplit:
    """The Training part of FER2013, cut in two.

    Attributes:
        train: Pictures to fit weights on.
        held_out: Pictures to select the epoch and fit the calibration on.
        dropped_test_duplicates: Training pictures left out, being identical to a test picture.
        dropped_non_faces: Training pictures left out, having most votes for "not a face".
    """

    train: Fer2013
    held_out: Fer2013
    dropped_test_duplicates: int
    dropped_non_faces: int


def split_training(faces: Fer2013, *, held_out_share: float, seed: int) -> TrainingSplit:
    """Cut the Training part in two, identical pictures never on both sides.

    Args:
        faces: All of FER2013.
        held_out_share: Share of Training to hold out, 0..1.
        seed: Seed of the cut.
    """
    training = faces.usage == "Training"
    test_copy = training & np.isin(faces.groups, faces.groups[~training])
    non_face = training & ~test_copy & (faces.other_votes[:, 2] > faces.votes.max(axis=1))
    usable = training & ~test_copy & ~non_face
    groups = np.unique(faces.groups[usable])
    shuffled = np.random.default_rng(seed).permutation(groups)
    held_out_groups = shuffled[: round(held_out_share * len(groups))]
    held_out = usable & np.isin(faces.groups, held_out_groups)
    return TrainingSplit(
        train=faces.select(usable & ~held_out),
        held_out=faces.select(held_out),
        dropped_test_duplicates=int(test_copy.sum()),
        dropped_non_faces=int(non_face.sum()),
    )


def vote_shares(faces: Fer2013) -> npt.NDArray[np.float32]:
    """Return the crowd's votes as shares, float32, shape (n, 10); zeros where nobody voted.

    Single votes count as slips and are left out, as in FER+ (Barsoum et al., 2016).
    """
    votes = np.concatenate([faces.votes, faces.other_votes], axis=1)
    votes = np.where(votes > 1, votes, 0)
    total = votes.sum(axis=1, keepdims=True)
    return np.asarray(votes / np.maximum(total, 1), dtype=np.float32)


class LabelOfVotes:
    """The label that FER2013 probably gives to a picture with certain votes of FER+.

    The two crowds differ: what FER+ calls neutral, FER2013 often calls sadness. A multinomial
    logistic regression from the shares of the votes and their squares takes out that difference,
    so that votes can stand beside labels.

    Args:
        shares: Shares of the votes, float32, shape (n, 10).
        labels: Labels of the same pictures, places in `EMOTIONS`, shape (n,).
    """

    def __init__(self, shares: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
        inputs, wanted = self._inputs(shares), torch.from_numpy(labels)
        self._weights = torch.zeros(inputs.shape[1], len(EMOTIONS), requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [self._weights], max_iter=FIT_STEPS, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = functional.cross_entropy(inputs @ self._weights, wanted)
            value = value + FIT_PENALTY * self._weights.square().sum()
            value.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]  # as above

    def __call__(self, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return probabilities of the labels, float32, shape (n, 7)."""
        with torch.no_grad():
            answers = functional.softmax(self._inputs(shares) @ self._weights, dim=1)
        return np.asarray(answers.numpy(), dtype=np.float32)

    @staticmethod
    def _inputs(shares: npt.NDArray[np.float32]) -> torch.Tensor:
        known = torch.from_numpy(shares)
        return torch.cat([known, known.square(), torch.ones(len(known), 1)], dim=1)


def soft_targets(
    faces: Fer2013, *, vote_share: float, smoothing: float, debias: bool = True
) -> npt.NDArray[np.float32]:
    """Mix the label of FER2013 with what FER+'s votes say of it.

    Args:
        faces: Labelled faces.
        vote_share: Weight of the votes in the mix, 0..1; no weight where nobody voted.
        smoothing: Weight of the uniform distribution over the seven, 0..1.
        debias: Take the votes through `LabelOfVotes`, fitted on these faces; else as they are.

    Returns:
        Probabilities, float32, shape (n, 7).
    """
    label = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    shares = vote_shares(faces)
    seven = shares[:, : len(EMOTIONS)]
    voted = seven.sum(axis=1, keepdims=True) > 0
    if debias and vote_share > 0:
        crowd = LabelOfVotes(shares, faces.labels)(shares)
    else:
        crowd = seven / np.maximum(seven.sum(axis=1, keepdims=True), 1e-6)
    mixed = (1 - vote_share) * label + vote_share * np.where(voted, crowd, label)
    return np.asarray((1 - smoothing) * mixed + smoothing / len(EMOTIONS), dtype=np.float32)
