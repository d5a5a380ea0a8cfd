"""Train the generator: what a linear model of faces draws blurred becomes sharp.

Real faces are taken through the linear model and made sharp again, so that what the generator adds
is what such faces have. People who do not exist are drawn beside them: a discriminator compares all
of them with real faces, and a frozen network that reads emotions says whether the drawn ones show
what they should. Coarsely a face has to stay what the linear model drew, and so the same person.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.training.generator.config import GeneratorConfig, read_generator_config
from moodcue_fer.training.generator.faces import load_faces
from moodcue_fer.training.generator.losses import chances, look_at, lopsidedness, unlikeness
from moodcue_fer.training.generator.network import Discriminator, Generator
from moodcue_fer.training.generator.space import PERSON, FittedFaces, fit_face_space
from moodcue_fer.training.network import FaceNetwork, channels_last
from moodcue_fer.training.precision import mixed_precision
from moodcue_fer.training.run import (
    CHECKPOINT,
    TrainingError,
    load_state,
    log_record,
    save_state,
    write_config,
)
from moodcue_fer.training.train import load_network

COARSE: Final = 8
LARGEST_GRADIENT: Final = 10.0
PENALTY_EVERY: Final = 8
UNTOLD: Final = 0.3
"""Share of the faces of which the discriminator is not told what they show."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real faces of one step.

    Attributes:
        pictures: Laid faces, shape (faces, 1, 64, 64).
        masks: As in `LaidFaces`.
        emotions: Shares of the seven, shape (faces, 7).
        places: In the linear model, shape (faces, 72).
        told: What the discriminator is told of them, shape (faces, 7).
    """

    pictures: torch.Tensor
    masks: torch.Tensor
    emotions: torch.Tensor
    places: torch.Tensor
    told: torch.Tensor


class GeneratorTrainer:
    """One run in one folder.

    Args:
        fitted: The linear model to begin with and the faces to learn from.
        guide: Frozen network that reads emotions.
        folder: Of the run: log, configuration and checkpoint.
        config: What to do.
    """

    def __init__(
        self, fitted: FittedFaces, *, guide: FaceNetwork, folder: Path, config: GeneratorConfig
    ) -> None:
        self._config, self._folder = config, folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = fitted.faces
        self._pictures = torch.from_numpy(kept.pictures).unsqueeze(1)
        self._masks = torch.from_numpy(kept.masks).unsqueeze(1)
        self._emotions = torch.from_numpy(kept.emotions)
        self._places = torch.from_numpy(fitted.places)
        self._chances = torch.from_numpy(chances(kept.emotions, rarity=config.rarity))
        self._guide = channels_last(guide.eval().requires_grad_(requires_grad=False))
        torch.manual_seed(config.seed)
        self.generator, self.average = channels_last(Generator()), channels_last(Generator())
        self.generator.begin_as(fitted.space)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = channels_last(Discriminator())
        linear = [*self.generator.place.parameters(), *self.generator.blurred.parameters()]
        others = [p for p in self.generator.parameters() if all(p is not it for it in linear)]
        self._maker = torch.optim.Adam(
            [{"params": others, "share": 1.0}, {"params": linear, "share": 0.25}],
            lr=config.learning_rate,
            betas=(0.5, 0.99),
        )
        self._critic = torch.optim.Adam(
            [{"params": [*self.discriminator.parameters()], "share": 1.0}],
            lr=config.learning_rate,
            betas=(0.0, 0.99),
        )
        self._step = 0

    def run(self, *, every: int = 100) -> Iterator[dict[str, Any]]:
        """Train to the last step, from the checkpoint in the folder if there is one.

        Args:
            every: Steps between checkpoints.

        Yields:
            The mean losses since the one before, the step and the seconds.

        Raises:
            TrainingError: The folder holds a run with another configuration.
        """
        self._resume()
        while self._step < self._config.steps:
            start = time.monotonic()
            sums: dict[str, float] = {}
            steps = min(every, self._config.steps - self._step)
            for _ in range(steps):
                for name, value in self._train_step().items():
                    sums[name] = sums.get(name, 0.0) + value
            losses = {name: round(value / steps, 4) for name, value in sums.items()}
            record = {"step": self._step, **losses, "seconds": round(time.monotonic() - start, 1)}
            self._save(record)
            yield record

    def _train_step(self) -> dict[str, float]:
        config = self._config
        torch.manual_seed(config.seed * 1_000_000 + self._step)
        rate = config.learning_rate * min(1.0, 2 * (1 - self._step / config.steps) + 0.05)
        for group in (*self._maker.param_groups, *self._critic.param_groups):
            group["lr"] = rate * group["share"]
        batch = self._draw_real()
        people, shown, told = self._draw_people(len(batch.places))
        place = torch.cat([batch.places, self.generator.place_of(people, shown)])
        with _precision():
            made, blurred = self.generator.refine(place, torch.cat([batch.emotions, shown]))
        made, blurred = made.float(), blurred.float()
        told = torch.cat([batch.told, told])
        masks = torch.cat([batch.masks, batch.masks])
        critic, wanted = self._train_critic(batch, made=made.detach(), masks=masks, told=told)
        with _precision():
            whole, parts, given = self.discriminator(made, masks, told)
            read = self._guide(look_at(made[len(batch.places) :])).labels.float()
        difference = (batch.pictures - made[: len(batch.places)]).abs() * batch.masks
        coarse = functional.avg_pool2d(made - blurred, COARSE).square().mean()
        losses = {
            "rebuild": config.rebuild * difference.sum() / batch.masks.sum(),
            "likeness": config.likeness * unlikeness(wanted, given),
            "real": config.real
            * (functional.softplus(-whole).mean() + functional.softplus(-parts).mean()),
            "reading": config.reading * functional.cross_entropy(read, shown),
            "constancy": config.constancy * coarse,
            "evenness": config.evenness * lopsidedness((made - blurred)[len(batch.places) :]),
        }
        self._maker.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
        nn.utils.clip_grad_norm_(self.generator.parameters(), LARGEST_GRADIENT)
        self._maker.step()
        self._follow()
        self._step += 1
        right = (read.argmax(1) == shown.argmax(1)).float().mean()
        return {
            "critic": critic,
            "read": right.item(),
            **{name: value.item() for name, value in losses.items()},
        }

    def _draw_real(self) -> Batch:
        places = torch.multinomial(self._chances, self._config.batch_size, replacement=True)
        emotions = self._emotions[places]
        told = functional.one_hot(emotions.argmax(1), len(EMOTIONS)).float()
        return Batch(
            pictures=self._pictures[places],
            masks=self._masks[places],
            emotions=emotions,
            places=self._places[places],
            told=torch.where(torch.rand(len(told), 1) < UNTOLD, 0.0, told),
        )

    def _draw_people(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw people who show something.

        Returns:
            Who, shape (faces, 72). What they show, shape (faces, 7). What the discriminator is
            told of it: the emotion where it is a pure one, zeros where not.
        """
        pure = torch.randint(len(EMOTIONS), (2, count))
        one, other = functional.one_hot(pure, len(EMOTIONS)).float()
        is_mixed = torch.rand(count, 1) < UNTOLD
        share = torch.rand(count, 1)
        shown = torch.where(is_mixed, share * one + (1 - share) * other, one)
        return torch.randn(count, PERSON), shown, torch.where(is_mixed, 0.0, one)

    def _train_critic(
        self, batch: Batch, *, made: torch.Tensor, masks: torch.Tensor, told: torch.Tensor
    ) -> tuple[float, list[torch.Tensor]]:
        """Train the discriminator; return its loss and the features of the real faces."""
        with _precision():
            real, real_parts, features = self.discriminator(batch.pictures, batch.masks, batch.told)
            false, false_parts, _ = self.discriminator(made, masks, told)
        loss = torch.stack(
            [
                functional.softplus(-real).mean(),
                functional.softplus(false).mean(),
                functional.softplus(-real_parts).mean(),
                functional.softplus(false_parts).mean(),
            ]
        ).sum()
        total = loss
        if self._step % PENALTY_EVERY == 0:
            total = loss + PENALTY_EVERY * self._config.smoothness * self._steepness(batch)
        self._critic.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        self._critic.step()
        return loss.item(), [it.detach() for it in features]

    def _steepness(self, batch: Batch) -> torch.Tensor:
        """Return the squared slope of the scores of real faces (R1, Mescheder et al., 2018)."""
        half = len(batch.pictures) // 2
        pictures = batch.pictures[:half].clone().requires_grad_()
        whole, parts, _ = self.discriminator(pictures, batch.masks[:half], batch.told[:half])
        scores = whole.sum() + parts.mean(dim=(1, 2)).sum()
        (slope,) = torch.autograd.grad(scores, pictures, create_graph=True)
        return slope.square().sum(dim=(1, 2, 3)).mean() / 2

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._config.average_decay, 1 - 1 / (1 + self._step))
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.is_file():
            write_config(self._folder, self._config)
            return
        before = read_generator_config(self._folder)
        if replace(before, steps=self._config.steps) != self._config:
            raise TrainingError(
                f"{self._folder} holds a run with another configuration: name another folder"
            )
        write_config(self._folder, self._config)
        state = load_state(path)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self._step = state["step"]

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "maker": self._maker,
            "critic": self._critic,
        }

    def _save(self, record: dict[str, Any]) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        save_state(state | {"step": self._step}, self._folder / CHECKPOINT)
        log_record(self._folder, record)


def train_generator(
    data: Path,
    *,
    ck48: Path,
    yunet: Path,
    guide: Path,
    folder: Path,
    changes: dict[str, Any],
    threads: int = 1,
) -> Iterator[dict[str, Any]]:
    """Train on FER2013 and CK+ and yield one record every hundred steps.

    Args:
        data: Folder of FER2013.
        ck48: Folder of the CK+ crops.
        yunet: ONNX file of YuNet, to lay the faces.
        guide: Folder of a run of `moodcue-fer train`, which reads the drawn faces.
        folder: Folder of the run; a run that it holds is continued.
        changes: Fields of `GeneratorConfig` that differ from their defaults.
        threads: Threads of torch.

    Raises:
        MoodcueError: Something is missing, or the folder holds another run.
    """
    torch.set_num_threads(threads)
    network, _ = load_network(guide)
    config = GeneratorConfig(**changes)
    fitted = fit_face_space(load_faces(data, ck48=ck48, yunet=yunet), seed=config.seed)
    trainer = GeneratorTrainer(fitted, guide=network, folder=folder, config=config)
    yield from trainer.run()


def load_generator(run: Path) -> tuple[Generator, int]:
    """Return the averaged generator of a run, ready to draw, and the step that it is of.

    Raises:
        TrainingError: The folder holds no run or no weights.
    """
    read_generator_config(run)
    if not (run / CHECKPOINT).is_file():
        raise TrainingError(f"{run} has no {CHECKPOINT}: train first")
    state = load_state(run / CHECKPOINT)
    generator = Generator()
    generator.load_state_dict(state["average"])
    return generator.eval(), int(state["step"])


def _precision() -> torch.autocast:
    return mixed_precision(torch.device("cpu"))
