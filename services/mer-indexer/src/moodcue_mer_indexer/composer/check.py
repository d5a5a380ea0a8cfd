"""Compare what the composer intended with what the model hears."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from moodcue.taxonomy import QUADRANTS, quadrant_of
from moodcue_mer_indexer.analysis import Analysed, analyse_files
from moodcue_mer_indexer.composer.library import ComposerError, plan_library
from moodcue_mer_indexer.progress import show_progress


def check_library(
    folder: Path, *, pieces: int, seed: int, model_folder: Path, workers: int
) -> dict[str, Any]:
    """Return how well the model hears what a composed library intends.

    Returns:
        ``quadrants`` (pieces that the model puts into each), ``agreement`` (share of pieces in
        the intended one), ``valence_spearman`` and ``arousal_spearman`` (rank correlation of the
        intended values with the heard ones).

    Raises:
        ComposerError: A piece cannot be read.
    """
    planned = plan_library(pieces=pieces, seed=seed)
    paths = [folder / piece.file_name for piece in planned]
    answers = show_progress(
        analyse_files(paths, model_folder=model_folder, workers=workers),
        total=len(paths),
        label="Listening",
    )
    heard = []
    for path, answer in answers:
        if not isinstance(answer, Analysed):
            raise ComposerError(f"{path}: {answer.reason}; {answer.remedy}")
        heard.append(answer.emotion)
    found = [QUADRANTS[int(np.argmax(emotion.quadrants))] for emotion in heard]
    intended = [quadrant_of(valence=piece.valence, arousal=piece.arousal) for piece in planned]
    valence = spearmanr([p.valence for p in planned], [e.valence for e in heard])
    arousal = spearmanr([p.arousal for p in planned], [e.arousal for e in heard])
    return {
        "quadrants": {name: found.count(name) for name in QUADRANTS},
        "agreement": float(np.mean([a == b for a, b in zip(found, intended, strict=True)])),
        "valence_spearman": float(valence.statistic),
        "arousal_spearman": float(arousal.statistic),
    }
