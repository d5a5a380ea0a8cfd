"""The measuring commands: a model on data sets, on worse pictures, and fitted to a person."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import (
    DatasetError,
    Fer2013,
    LabelledFaces,
    load_ck48,
    load_fer2013,
    load_folder,
    load_people,
)
from moodcue_fer.evaluation import among, confusion, evaluate
from moodcue_fer.model import FerModel
from moodcue_fer.personal import (
    baseline,
    neutral_weights,
    parse_shares,
    prior_weights,
    trained_prior,
    usual_neutral,
    weighted,
)
from moodcue_fer.robustness import CHANGES, changed

_log = logging.getLogger(__name__)

Record = dict[str, Any]

MIXES: Final = {
    "a quiet room": "neutral=0.7,happiness=0.15,sadness=0.05",
    "a party": "happiness=0.6,neutral=0.25,surprise=0.09",
    "all alike": f"neutral={1 / len(EMOTIONS)}",
}
"""Class mixes, as in `parse_shares`, for which the prior correction is measured."""

TRAINING: Final = "Training"
"""The part of FER2013 that weights are fitted on."""

STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0)


def evaluate_dataset(
    kind: str, *, folder: Path, split: str, model: FerModel, mix: str | None = None
) -> Record:
    """Measure a model on labelled faces.

    On FER2013 the figures are also given without the test pictures that are identical to a
    training picture. Data that lacks some of the seven classes, as CK+ lacks neutral, is measured
    with answers from all seven, and with answers from its own classes (`among_its_classes`).

    Args:
        kind: `fer2013`, `ck48` or `folder`.
        folder: Where the data is.
        split: Part of FER2013: `PublicTest` or `Training`.
        model: The model to measure.
        mix: Shares of emotions to correct for, as in `parse_shares`; None: not corrected.

    Raises:
        DatasetError: The data is missing or has nothing to measure.
        ModelError: The manifest does not tell the mix that was trained on.
        ValueError: The mix cannot be used.
    """
    weights = np.ones(len(EMOTIONS)) if mix is None else _weights_for(mix, model=model)
    about = {"dataset": kind, "model": model.manifest.name, "mix": mix}
    if kind == "fer2013":
        part, duplicate = _part_of(load_fer2013(folder), split=split)
        figures = _fer2013_figures(part, duplicate, model=model, weights=weights)
        protocol = "training pictures" if split == TRAINING else "held out"
        return {**about, "split": split, "protocol": protocol, **figures}
    faces = load_ck48(folder) if kind == "ck48" else load_folder(folder)
    return {
        **about,
        **_figures(faces, model=model, weights=weights),
        "skipped": [{"path": path, "reason": reason} for path, reason in faces.skipped],
    }


def measure_robustness(folder: Path, *, split: str, model: FerModel) -> Iterator[Record]:
    """Measure a model on FER2013 once for each of `CHANGES`, one record per change.

    Args:
        folder: Folder of FER2013.
        split: Its part.
        model: The model to measure.

    Raises:
        DatasetError: The data is missing or has no such part.
    """
    part, _ = _part_of(load_fer2013(folder), split=split)
    for name, change in CHANGES.items():
        probabilities = model.read(changed(part.crops, change)).probabilities
        figures = evaluate(probabilities, part.labels)
        yield {
            "change": name,
            **{key: figures[key] for key in ("n", "accuracy", "macro_f1", "ece")},
        }


def measure_prior(folder: Path, *, split: str, model: FerModel) -> Iterator[Record]:
    """Measure on FER2013 what knowing the mix of emotions brings, one record per mix.

    The accuracy under a mix is the mean of the classes' recalls, weighted by the mix.

    Args:
        folder: Folder of FER2013.
        split: Its part.
        model: The model to measure.

    Raises:
        DatasetError: The data is missing or has no such part.
        ModelError: The manifest does not tell the mix that was trained on.
    """
    part, _ = _part_of(load_fer2013(folder), split=split)
    probabilities = model.read(part.crops).probabilities
    for name, text in MIXES.items():
        mix = np.array(parse_shares(text))
        corrected = weighted(probabilities, _weights_for(text, model=model))
        yield {
            "mix": name,
            "shares": dict(zip(EMOTIONS, mix.tolist(), strict=True)),
            "accuracy": _accuracy_under(mix, probabilities, part.labels),
            "accuracy_corrected": _accuracy_under(mix, corrected, part.labels),
        }


def measure_neutral_baseline(folder: Path, *, model: FerModel) -> Iterator[Record]:
    """Measure what a person's own neutral face brings, one record per strength.

    Of each person's neutral pictures, in order, the first half makes the baseline; the rest and
    the pictures of other emotions are measured.

    Args:
        folder: One folder per person with one subfolder per emotion, `neutral` among them.
        model: The model to measure.

    Raises:
        DatasetError: No person has two neutral pictures.
        ModelError: The manifest does not tell the usual neutral face.
    """
    usual = usual_neutral(model.manifest)
    neutral = EMOTIONS.index("neutral")
    before: list[npt.NDArray[np.float32]] = []
    owns: list[npt.NDArray[np.float64]] = []
    labels: list[npt.NDArray[np.int64]] = []
    for faces in load_people(folder).values():
        places = np.flatnonzero(faces.labels == neutral)
        first = places[: len(places) // 2]
        if len(first) == 0:
            continue
        read = model.read(faces.crops).probabilities
        rest = np.setdiff1d(np.flatnonzero(faces.labels >= 0), first)
        before.append(read[rest])
        owns.append(baseline(read[first]))
        labels.append(faces.labels[rest])
    if not before:
        raise DatasetError(f"{folder}: nobody has two pictures in a subfolder named neutral")
    wanted = np.concatenate(labels)
    for strength in (0.0, *STRENGTHS):
        shifted = [
            weighted(read, neutral_weights(own=own, usual=usual, strength=strength))
            for read, own in zip(before, owns, strict=True)
        ]
        figures = evaluate(np.concatenate(shifted), wanted)
        yield {
            "strength": strength,
            "people": len(before),
            **{key: figures[key] for key in ("n", "accuracy", "macro_f1", "ece")},
        }


def _weights_for(mix: str, *, model: FerModel) -> npt.NDArray[np.float64]:
    expected = np.array(parse_shares(mix))
    return prior_weights(trained=trained_prior(model.manifest), expected=expected)


def _accuracy_under(
    mix: npt.NDArray[np.float64],
    probabilities: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
) -> float:
    table = confusion(probabilities.argmax(axis=1), labels)
    return float((mix * table.diagonal() / np.maximum(table.sum(axis=1), 1)).sum())


def _part_of(faces: Fer2013, *, split: str) -> tuple[Fer2013, npt.NDArray[np.bool_]]:
    """Return a part, and which of its pictures also occur in another part."""
    part = faces.select(faces.usage == split)
    if split == TRAINING:
        _log.warning(
            "the pictures of Training, on which weights are fitted, are no measure of quality: "
            "give --split PublicTest"
        )
    if len(part.labels) == 0:
        known = ", ".join(sorted(set(faces.usage.tolist())))
        raise DatasetError(f"FER2013 has no part {split!r} here; known: {known}")
    return part, np.isin(part.groups, faces.groups[faces.usage != split])


def _fer2013_figures(
    part: Fer2013,
    duplicate: npt.NDArray[np.bool_],
    *,
    model: FerModel,
    weights: npt.NDArray[np.float64],
) -> Record:
    probabilities = weighted(model.read(part.crops).probabilities, weights)
    return {
        **evaluate(probabilities, part.labels),
        "duplicates": int(duplicate.sum()),
        "without_duplicates": (
            None
            if duplicate.all()
            else evaluate(probabilities[~duplicate], part.labels[~duplicate])
        ),
    }


def _figures(faces: LabelledFaces, *, model: FerModel, weights: npt.NDArray[np.float64]) -> Record:
    ours = faces.labels >= 0
    if not ours.any():
        raise DatasetError("none of the labels is one of ours: " + ", ".join(EMOTIONS))
    labels = faces.labels[ours]
    probabilities = weighted(model.read(faces.crops[ours]).probabilities, weights)
    return {
        **evaluate(probabilities, labels),
        "among_its_classes": evaluate(among(probabilities, labels), labels),
        "other_labels": int((~ours).sum()),
    }
