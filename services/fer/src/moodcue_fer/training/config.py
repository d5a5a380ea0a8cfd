"""What decides a run of the network's training."""

from dataclasses import dataclass, field
from pathlib import Path

from moodcue_fer.training.augment import Augmentation
from moodcue_fer.training.network import NetworkShape
from moodcue_fer.training.run import read_config


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides what a run gives.

    Attributes:
        epochs: Passes over the training pictures.
        calm_epochs: How many of them, the last ones, do without mixup and with half of the
            augmentation.
        batch_size: Pictures per step.
        learning_rate: Peak of the one-cycle schedule (SGD with Nesterov momentum 0.9).
        weight_decay: L2 penalty on the weights.
        dropout: Share of pooled features dropped.
        vote_share: Weight of the FER+ votes in the targets of the labels, 0..1.
        debias: The votes are turned into probable labels before they are mixed in.
        smoothing: Weight of the uniform distribution in the targets, 0..1.
        votes_weight: Weight of the loss of the head that predicts the votes.
        frontality_weight: Weight of the loss of the head that predicts frontality.
        mixup: Parameter of the Beta distribution of mixup, 0 for none.
        teacher_share: Weight of what the teachers say in the targets, 0..1.
        average_decay: Decay per step of the moving average of the weights.
        held_out_share: Share of Training that is held out, 0..1.
        split_seed: Seed of the choice of what is held out; the same for teachers and pupils.
        seed: Seed of the weights, the order and the augmentation.
        bfloat16: Convolutions are computed in bfloat16 where the device knows it, which halves the
            time there.
        shape: How large the network is.
        augmentation: Ranges of the augmentation.
    """

    epochs: int = 60
    calm_epochs: int = 0
    batch_size: int = 128
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    dropout: float = 0.3
    vote_share: float = 0.5
    debias: bool = True
    smoothing: float = 0.0
    votes_weight: float = 0.5
    frontality_weight: float = 0.2
    mixup: float = 0.2
    teacher_share: float = 0.0
    average_decay: float = 0.998
    held_out_share: float = 0.05
    split_seed: int = 7
    seed: int = 7
    bfloat16: bool = True
    shape: NetworkShape = field(default_factory=NetworkShape)
    augmentation: Augmentation = field(default_factory=Augmentation)


def read_training_config(folder: Path) -> TrainingConfig:
    """Read the configuration of a run.

    Raises:
        TrainingError: The folder holds no run.
    """
    return read_config(folder, TrainingConfig)
