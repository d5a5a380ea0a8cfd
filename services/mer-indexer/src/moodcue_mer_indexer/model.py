"""The served model: a song's spectrogram to its emotion, with ONNX Runtime."""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.audio import stream_audio
from moodcue_mer_indexer.emotion import SongEmotion, summarise
from moodcue_mer_indexer.mel import MelSettings, cut_patches, stream_log_mel

__all__ = ["MerModel", "QuadrantNetwork", "shipped_model_folder"]

_PATCHES_AT_ONCE = 16


class QuadrantNetwork:
    """An ONNX graph from log-mel patches to quadrant probabilities, on one thread.

    Args:
        weights: The ONNX file.
        settings: Of the spectrogram that it was trained on.
    """

    def __init__(self, weights: Path, *, settings: MelSettings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.settings = settings
        self._session = onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )

    def patch_probabilities(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``(patches, 4)`` for ``(patches, n_mels, patch_frames)`` in dB."""
        outputs = self._session.run(["quadrants"], {"log_mel": patches})
        return np.asarray(outputs[0], dtype=np.float32)

    def song_probabilities(self, blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return ``(patches, 4)`` for the consecutive patches of a stream of samples.

        Memory is bounded by `_PATCHES_AT_ONCE` patches, whatever the length of the song.

        Raises:
            ValueError: The stream is shorter than one window of the spectrogram.
        """
        pieces = stream_log_mel(blocks, settings=self.settings)
        patches = cut_patches(pieces, frames=self.settings.patch_frames)
        rows = [self.patch_probabilities(np.stack(batch)) for batch in _batched(patches)]
        if not rows:
            raise ValueError(f"fewer than {self.settings.n_fft} samples; give a longer song")
        return np.concatenate(rows)


class MerModel:
    """A model folder, verified and loaded.

    Args:
        folder: With `model.onnx` and `manifest.json`.

    Raises:
        ModelError: A file is missing, changed, or made for something else.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = load_manifest(folder, labels=QUADRANTS)
        try:
            settings = msgspec.convert(self.manifest.input, MelSettings)
        except msgspec.ValidationError as error:
            raise ModelError(
                f"the manifest in {folder} has no usable mel settings ({error}); "
                "export the model again"
            ) from error
        self._network = QuadrantNetwork(folder / WEIGHTS, settings=settings)

    @property
    def sample_rate(self) -> int:
        """Samples per second that `emotion_of` takes."""
        return self._network.settings.sample_rate

    def song_emotion(self, path: Path) -> SongEmotion:
        """Return what the song in an audio file expresses.

        Raises:
            AudioError: The file cannot be used.
        """
        return self.emotion_of(stream_audio(path, sample_rate=self.sample_rate))

    def emotion_of(self, blocks: Iterable[NDArray[np.float32]]) -> SongEmotion:
        """Return what a song expresses, from the blocks of its samples.

        Args:
            blocks: Consecutive samples at `sample_rate`, mono, each of shape ``(samples,)``.

        Raises:
            ValueError: They are shorter than one window of the spectrogram.
        """
        rows = self._network.song_probabilities(blocks)
        return summarise(rows, patch_seconds=self._network.settings.patch_seconds)


def shipped_model_folder() -> Path:
    """Return the folder of the model that comes with this package."""
    return Path(str(resources.files("moodcue_mer_indexer") / "models" / "mer-cnn"))


def _batched(patches: Iterable[NDArray[np.float32]]) -> Iterable[Sequence[NDArray[np.float32]]]:
    batch: list[NDArray[np.float32]] = []
    for patch in patches:
        batch.append(patch)
        if len(batch) == _PATCHES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
