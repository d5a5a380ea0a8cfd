"""What the backbone says of every patch of a dataset, computed once and kept on disk."""

from collections.abc import Sequence
from functools import cache as remember
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moodcue_mer_indexer.mel import cut_patches
from moodcue_mer_indexer.training.backbone import TAGGER_MEL, Backbone
from moodcue_mer_indexer.training.export import export_onnx
from moodcue_mer_indexer.training.files import compute_missing

_OUTPUT = "figures"
_PATCHES_AT_ONCE = 16


def load_figures(
    spectrograms: Sequence[Path], *, backbone: Backbone, digest: str, cache: Path, workers: int
) -> list[NDArray[np.float16]]:
    """Return the backbone's figures for every song, from the cache where they are there.

    Args:
        spectrograms: Files of ``(n_mels, frames)`` in dB, one per song.
        backbone: Of the taggers.
        digest: Of its weights; part of the cache's key.
        cache: Folder that is created if need be.
        workers: Processes that compute what is missing, each with one thread.

    Returns:
        Arrays ``(patches, figures)``, half precision.
    """
    folder = cache / f"figures-{digest[:16]}"
    paths = [folder / source.name for source in spectrograms]
    if not all(path.is_file() for path in paths):
        # Several times as fast as torch on a CPU.
        graph = folder / "backbone.onnx"
        export_onnx(backbone, path=graph, mel=TAGGER_MEL, output=_OUTPUT)
        compute = partial(_figures, graph=graph)
        compute_missing(spectrograms, paths, compute=compute, workers=workers)
    return [np.load(path) for path in paths]


def cut_song(spectrogram: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the patches of a song as serving cuts them, ``(patches, n_mels, frames)`` in dB."""
    pieces = [spectrogram.astype(np.float32)]
    return np.stack(list(cut_patches(pieces, frames=TAGGER_MEL.patch_frames)))


def _figures(spectrogram: Path, *, graph: Path) -> NDArray[np.float16]:
    patches = cut_song(np.load(spectrogram))
    session = _session(graph)
    rows = [
        session.run([_OUTPUT], {"log_mel": patches[start : start + _PATCHES_AT_ONCE]})[0]
        for start in range(0, len(patches), _PATCHES_AT_ONCE)
    ]
    return np.concatenate(rows).astype(np.float16)


@remember
def _session(graph: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
