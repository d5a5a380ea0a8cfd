"""Two ways to fit readings to a room or a person without training: prior and neutral baseline."""

import math
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from moodcue.errors import ModelError, MoodcueError
from moodcue.model_folder import ModelManifest
from moodcue.taxonomy import EMOTIONS

SMALLEST: Final = 1e-6
"""Smallest probability that a logarithm is taken of."""

Vector = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.float32]


class NeutralBaseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's face at rest, as a file beside the settings.

    Attributes:
        model_sha256: Of the model that read it.
        faces: How many pictures it is the mean of.
        log_probabilities: Mean log probabilities, in the order of `EMOTIONS`.
    """

    model_sha256: str
    faces: Annotated[int, Meta(ge=1)]
    log_probabilities: Annotated[tuple[float, ...], Meta(min_length=7, max_length=7)]


def load_baseline(path: Path, *, manifest: ModelManifest) -> Vector:
    """Read a file of `NeutralBaseline`: mean log probabilities, shape (7,).

    Raises:
        MoodcueError: It is missing, not such a file, or of another model.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=NeutralBaseline)
    except (OSError, msgspec.DecodeError) as error:
        raise MoodcueError(
            f"{path} is no neutral baseline: {error}; make one: "
            f"moodcue-fer baseline CLIP --out {path}"
        ) from error
    if found.model_sha256 != manifest.sha256:
        raise MoodcueError(
            f"{path} was made with another model than {manifest.name} {manifest.version}; make "
            f"it again: moodcue-fer baseline CLIP --out {path}"
        )
    return np.array(found.log_probabilities, dtype=np.float64)


def prior_weights(*, trained: Vector, expected: Vector) -> Vector:
    """Return what corrects readings for another mix of emotions than was trained on.

    By Bayes' rule each probability is multiplied by the ratio of the two priors (Saerens et al.,
    2002).

    Args:
        trained: Shares of the emotions in the training data, shape (7,), sum 1.
        expected: Shares where the faces come from, shape (7,), sum 1.

    Returns:
        Weights for `weighted`, shape (7,).
    """
    return expected / np.maximum(trained, SMALLEST)


def neutral_weights(*, own: Vector, usual: Vector, strength: float) -> Vector:
    """Return what takes out how a person's neutral face differs from the usual one.

    A face that looks sad at rest is read as sad all the time; the difference between the logits
    of the own and the usual neutral face is subtracted.

    Args:
        own: Mean log probabilities of the person's neutral face, shape (7,).
        usual: Mean log probabilities of neutral faces of many people, shape (7,).
        strength: Share of the difference that is taken out, 0..1.

    Returns:
        Weights for `weighted`, shape (7,).
    """
    return np.asarray(np.exp(-strength * (own - usual)), dtype=np.float64)


def weighted(probabilities: Probabilities, weights: Vector) -> Probabilities:
    """Multiply probabilities, shape (faces, 7), by weights, shape (7,), so that rows sum to 1."""
    raised = np.maximum(probabilities * weights, np.finfo(np.float64).tiny)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def trained_prior(manifest: ModelManifest) -> Vector:
    """Return the shares of the emotions that a model was trained on, shape (7,).

    Raises:
        ModelError: The manifest does not tell.
    """
    return _seven_of(manifest, "prior")


def usual_neutral(manifest: ModelManifest) -> Vector:
    """Return the mean log probabilities of many people's neutral faces, shape (7,).

    Raises:
        ModelError: The manifest does not tell.
    """
    return _seven_of(manifest, "usual_neutral")


def _seven_of(manifest: ModelManifest, name: str) -> Vector:
    values = manifest.training.get(name)
    if not isinstance(values, list) or len(values) != len(EMOTIONS):
        raise ModelError(f"the manifest of {manifest.name} has no {name!r}: export the model again")
    return np.array(values, dtype=np.float64)


def baseline(probabilities: Probabilities) -> Vector:
    """Return the mean log probabilities, shape (7,), of readings of shape (faces, 7).

    Raises:
        ValueError: There is no reading.
    """
    if len(probabilities) == 0:
        raise ValueError("no face was read, so there is no baseline")
    logs = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    return np.asarray(logs.mean(axis=0), dtype=np.float64)


def parse_shares(text: str) -> tuple[float, ...]:
    """Read shares of emotions such as `happiness=0.4,neutral=0.5`; the rest is spread evenly.

    Returns:
        Seven shares in the order of `EMOTIONS`, sum 1.

    Raises:
        ValueError: An entry is none, a name is unknown or twice there, or the sum is above 1.
    """
    given: dict[str, float] = {}
    for entry in text.split(","):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in EMOTIONS or name in given:
            raise ValueError(f"{entry.strip()!r}: write each of {', '.join(EMOTIONS)} once at most")
        given[name] = _share(value, entry)
    rest = 1 - math.fsum(given.values())
    others = [name for name in EMOTIONS if name not in given]
    if rest < -SMALLEST or (not others and rest > SMALLEST):
        raise ValueError(f"the shares in {text!r} sum to {1 - rest:g}, not to 1")
    spread = max(0.0, rest) / len(others) if others else 0.0
    return tuple(given.get(name, spread) for name in EMOTIONS)


def _share(value: str, entry: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{entry.strip()!r}: write a share from 0 to 1, such as happiness=0.4")
    return share
