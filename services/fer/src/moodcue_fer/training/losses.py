"""What the network shall answer, and how wrong its answers are."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from moodcue_fer.training.config import TrainingConfig
from moodcue_fer.training.network import Answers


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What the network shall answer, one row per face.

    Attributes:
        labels: Probabilities, shape (n, 7).
        votes: Shares of the votes, shape (n, 10); zeros where nobody voted.
        frontality: 0..1, not a number where unknown, shape (n,).
    """

    labels: torch.Tensor
    votes: torch.Tensor
    frontality: torch.Tensor

    def select(self, places: torch.Tensor) -> "Targets":
        """Return some of the rows."""
        return Targets(
            labels=self.labels[places],
            votes=self.votes[places],
            frontality=self.frontality[places],
        )

    def mixed(self, share: torch.Tensor) -> "Targets":
        """Mix every row with that of its partner, the same place from the end."""

        def mix(rows: torch.Tensor) -> torch.Tensor:
            return share * rows + (1 - share) * rows.flip(0)

        return Targets(
            labels=mix(self.labels), votes=mix(self.votes), frontality=mix(self.frontality)
        )


def loss_of(answers: Answers, targets: Targets, *, config: TrainingConfig) -> torch.Tensor:
    """Return the loss of a batch: cross-entropy of labels and votes, squared error of frontality.

    Args:
        answers: What the network says.
        targets: What it should say; votes of zero and an unknown frontality do not count.
        config: Weights of the parts.
    """
    loss = functional.cross_entropy(answers.labels.float(), targets.labels)
    if config.votes_weight > 0:
        surprise = -(targets.votes * functional.log_softmax(answers.votes.float(), 1)).sum(1)
        loss = loss + config.votes_weight * surprise.mean()
    if config.frontality_weight > 0:
        # Not by selecting rows, for which a GPU would have to be waited for.
        known = targets.frontality.isfinite()
        error = answers.frontality.float().sigmoid() - targets.frontality.nan_to_num()
        wrong = torch.where(known, error.square(), 0.0).sum() / known.sum().clamp_min(1)
        loss = loss + config.frontality_weight * wrong
    return loss
