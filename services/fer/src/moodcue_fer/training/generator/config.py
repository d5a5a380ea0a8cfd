"""What decides a run of the generator's training."""

from dataclasses import dataclass
from pathlib import Path

from moodcue_fer.training.run import read_config


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Everything that decides what a run gives.

    Attributes:
        steps: Of the optimizers.
        batch_size: Real faces per step, and as many drawn ones.
        learning_rate: Of the refining part; a quarter of it for the linear part.
        rarity: Exponent by which rare emotions are shown more often: 1 as often as they are, 0
            all alike.
        rebuild: Weight of the mean absolute difference of a face and its rebuilt one.
        likeness: Weight of their difference in the discriminator's features.
        real: Weight of the discriminator.
        smoothness: Weight of the penalty on how steep the discriminator is.
        reading: Weight of the reader of emotions.
        constancy: Weight of what the refining part changes coarsely.
        evenness: Weight of what it changes on one side of a drawn face only.
        average_decay: Decay per step of the moving average of the weights.
        seed: Of weights, order and people.
    """

    steps: int = 2600
    batch_size: int = 16
    learning_rate: float = 4e-4
    rarity: float = 0.5
    rebuild: float = 5.0
    likeness: float = 3.0
    real: float = 1.0
    smoothness: float = 0.08
    reading: float = 0.7
    constancy: float = 4.0
    evenness: float = 1.0
    average_decay: float = 0.998
    seed: int = 5


def read_generator_config(folder: Path) -> GeneratorConfig:
    """Read the configuration of a run.

    Raises:
        TrainingError: The folder holds no run.
    """
    return read_config(folder, GeneratorConfig)
