"""Splits of the songs that keep every artist on one side."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from moodcue_mer_indexer.labels import DatasetError, LabelledSong

SPLIT_SEED: Final = 7
"""Of all runs, so that their figures are of the same folds."""


def assign_folds(songs: Sequence[LabelledSong], *, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of every song: artist-disjoint, stratified by quadrant, deterministic.

    Args:
        songs: The dataset; its order decides the split together with the seed.
        folds: Number of folds, at least 2.
        seed: Of the shuffle.

    Raises:
        DatasetError: There are too few songs or artists for so many folds.
    """
    quadrants = [song.quadrant for song in songs]
    artists = [song.artist for song in songs]
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    assigned = np.full(len(songs), -1, dtype=np.int64)
    least = min(len(set(artists)), max(Counter(quadrants).values()))
    if folds <= least:
        for fold, (_, held_out) in enumerate(splitter.split(artists, quadrants, artists)):
            assigned[held_out] = fold
    if len(set(assigned.tolist())) < folds:
        raise DatasetError(
            f"{len(songs)} songs of {len(set(artists))} artists are too few for {folds} folds; "
            "give a smaller --folds, or more music"
        )
    return assigned
