"""Make model folders of what a run has trained."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from moodcue.errors import MoodcueError
from moodcue.model_folder import WEIGHTS, ModelManifest, sha256_of, write_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.evaluate import TRAINING_SONGS
from moodcue_mer_indexer.mel import MelSettings

_NAME = "mer-cnn"
_VERSION = "2.1"


class ExportError(MoodcueError):
    """A run that is not finished."""


def package_model(
    folder: Path,
    *,
    mel: MelSettings,
    digests: Sequence[str],
    training: dict[str, Any],
    metrics: dict[str, Any],
) -> None:
    """Complete a folder with `model.onnx` by its manifest and the digests of its training songs.

    Args:
        folder: Of the model.
        mel: The spectrogram that it was trained on.
        digests: Of the songs that it was trained on.
        training: Data, seed, hyperparameters.
        metrics: Out-of-fold figures of its run, or none for a fold's model.
    """
    write_manifest(
        folder,
        ModelManifest(
            name=_NAME,
            version=_VERSION,
            sha256=sha256_of(folder / WEIGHTS),
            labels=QUADRANTS,
            input=msgspec.to_builtins(mel),
            training=training,
            metrics=metrics,
        ),
    )
    text = "\n".join(sorted(digests)) + "\n"
    (folder / TRAINING_SONGS).write_text(text, encoding="utf-8")


def export_run(run: Path, *, out: Path) -> ModelManifest:
    """Copy the served model of a finished run into a model folder, with its card.

    Raises:
        ExportError: The run is not finished.
    """
    final = run / "final"
    metrics_path = run / "metrics.json"
    if not metrics_path.is_file() or not (final / "manifest.json").is_file():
        raise ExportError(f"{run} holds no finished run; call train with --out {run} once more")
    out.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, "manifest.json", TRAINING_SONGS):
        shutil.copyfile(final / name, out / name)
    manifest = msgspec.json.decode((out / "manifest.json").read_bytes(), type=ModelManifest)
    metrics = json.loads(metrics_path.read_text(encoding="utf-8"))
    card = _card(manifest, metrics=metrics)
    (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    return manifest


_DATA: Mapping[str, str] = {
    "4Q": """clips of 30 s of the 4Q audio emotion dataset (Panda, Malheiro and Paiva, IEEE
Transactions on Affective Computing, 2018). The dataset is research data with no licence stated;
the clips are previews of commercial recordings and are not part of this folder. The weights are
published with that provenance; settle the terms before commercial use.""",
    "DEAM": """songs of DEAM (Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional
analysis of music", PLoS ONE, 2017), whose ratings of valence and arousal become shares of
listeners per quadrant. Neither its audio nor its annotations are part of this folder; settle
their terms before commercial use.""",
    "own music": """songs that whoever trained it had labelled. Their rights and the listeners
behind the labels are known to them alone: state both here before passing the model on.""",
}
"""How the card goes on after the number of songs, by the dataset."""

_TRIED: Mapping[str, str] = {
    "4Q": """
Artists are told apart by their name. Four of 4Q have two names that lie in different folds, 13
songs in all, as Bob Marley, with and without the Wailers; one recording is there twice in that way
("Trav'lin' Light" by Eddie Heywood). So 1.6 % of the songs were judged by a model that knows their
artist after all.

Tried on the same folds and left out, because it brought nothing that the intervals could show: the
nine emotions of Emotify as a second task, a head for the mood words of the songs and one for the
100 features of the dataset's authors. One tagger alone was worse than both.
"""
}


def _data(manifest: ModelManifest) -> str:
    training = manifest.training
    return f"The heads learn from {training['songs']} {_DATA[training['dataset']]}"


def _card(manifest: ModelManifest, *, metrics: dict[str, Any]) -> str:
    low, high = metrics["macro_f1_interval_95"]
    per_quadrant = "\n".join(f"| {q} | {metrics[f'f1_{q}']:.3f} |" for q in QUADRANTS)
    size = manifest.input
    seconds = size["patch_frames"] * size["hop_length"] / size["sample_rate"]
    return f"""# {manifest.name} {manifest.version}

Tells which quadrant of Russell's plane a piece of music expresses: Q1 happy/energetic,
Q2 tense/angry, Q3 sad, Q4 calm/content.

## Input and output

Mono sound at {size["sample_rate"]} Hz; log-mel spectrogram of {size["n_mels"]} bands
({size["fmin"]:g} to {size["fmax"]:g} Hz), window {size["n_fft"]}, hop {size["hop_length"]}, in
decibels relative to full scale, not below -80; patches of {size["patch_frames"]} frames
({seconds:.1f} s). `model.onnx` takes `log_mel` (patches, bands, frames) and gives `quadrants`,
four probabilities per patch. A song has their normalised geometric mean. Valence and arousal are
differences of those probabilities, not ratings.

## Training

The backbone is two networks that tag music, from Pons and Serra, "musicnn: pre-trained
convolutional neural networks for music audio tagging" (2019): about 200,000 songs of the Million
Song Dataset with the tags of Last.fm, mood words among them. Their weights come from the package
`musicnn` 0.1.0 (ISC licence, copyright Music Technology Group, Universitat Pompeu Fabra, code
developed by Jordi Pons) and are left as they are; their last layers are replaced by
{manifest.training["heads"]["heads"]} small heads whose mean logit counts.

{_data(manifest)}

Hyperparameters, seed and digest of the backbone are in `manifest.json`. The
probabilities are divided by a temperature that was fitted out of fold. Convolutions are computed in
int8 where that is faster; a probability differs from torch by
{manifest.training["int8_mean_difference"]:.4f} on average.

```
pip install --no-deps musicnn==0.1.0
moodcue-mer-indexer train DATA --out RUN --jobs 2
moodcue-mer-indexer export RUN --out services/mer-indexer/src/moodcue_mer_indexer/models/mer-cnn
```

## Figures

{metrics["protocol"]}, {metrics["n"]} songs, none of which the model that judged it had seen, nor
any other song by an artist of that name:

| figure | value |
|---|---|
| macro-F1 | {metrics["macro_f1"]:.3f} (95 % bootstrap interval {low:.3f} to {high:.3f}) |
| weighted F1 | {metrics["weighted_f1"]:.3f} |
| accuracy | {metrics["accuracy"]:.3f} |
| calibration error, 15 bins | {metrics["ece"]:.3f} |
| arousal high/low, accuracy | {metrics["arousal_accuracy"]:.3f} |
| valence high/low, accuracy | {metrics["valence_accuracy"]:.3f} |

| quadrant | F1 |
|---|---|
{per_quadrant}

The model in this folder has not been measured itself: it has seen every song. The fold models,
each trained on nine tenths, are the estimate. The taggers' own training songs may include some of
these songs, with tags but without the quadrants. Always the same quadrant would have a macro-F1 of
0.100. These figures and those of DEAM, whose quadrants are uneven and whose listeners rated other
songs, are not on one scale.
{_TRIED.get(manifest.training["dataset"], "")}
## Limits

- Arousal is heard well, valence less so; sad and calm music are often taken for each other.
- Western popular music of the twentieth century prevails in the training data; other traditions
  are judged by its conventions.
- Words are not understood: a sad song on a happy tune is a happy song here.
- Labels are the consensus of people who know a recording's mood tags, not of every listener.
- It says what music expresses, not what a listener will feel. Not for medical use.
"""
