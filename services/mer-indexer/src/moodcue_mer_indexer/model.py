"""The served model: a song's spectrogram to its emotion, with ONNX Runtime."""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS, load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.audio import stream_audio
from moodcue_mer_indexer.emotion import SongEmotion, summarise
from moodcue_mer_indexer.mel import MelSettings, cut_windows, evenly_spaced, patch_of

# More at once are no faster, and their activations take 40 MB each.
_PATCHES_AT_ONCE = 2

PATCHES_AT_MOST: Final = 20
"""Patches of a song that the network hears, in equal steps: all of a minute, every second one of
two minutes, and so on."""


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

    def patch_probabilities(
        self, patches: NDArray[np.float32] | Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return ``(patches, 4)`` for patches ``(n_mels, patch_frames)`` in dB, at least one."""
        rows = [
            self._session.run(
                ["quadrants"], {"log_mel": np.stack([*patches[start : start + _PATCHES_AT_ONCE]])}
            )[0]
            for start in range(0, len(patches), _PATCHES_AT_ONCE)
        ]
        return np.concatenate(rows, dtype=np.float32)


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
    def mel(self) -> MelSettings:
        """Settings of the spectrogram that the network takes."""
        return self._network.settings

    def song_emotion(self, path: Path) -> SongEmotion:
        """Return what the song in an audio file expresses.

        Raises:
            AudioError: The file cannot be used.
        """
        return self.emotion_of(stream_audio(path, sample_rate=self.mel.sample_rate))

    def emotion_of(self, blocks: Iterable[NDArray[np.float32]]) -> SongEmotion:
        """Return what a song expresses, by what `listen` hears of it.

        Raises:
            ValueError: It is shorter than one window of the spectrogram.
        """
        patches, step = self.listen(blocks)
        return self.judge(patches, step=step)

    def listen(
        self, blocks: Iterable[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], int]:
        """Hear a song at no more than `PATCHES_AT_MOST` places, in equal steps.

        Args:
            blocks: Consecutive samples at the rate of `mel`, mono, each of shape ``(samples,)``.

        Returns:
            Patches ``(n_mels, patch_frames)`` in dB, and how many patches one step is.

        Raises:
            ValueError: They are shorter than one window of the spectrogram.
        """
        windows, step = evenly_spaced(
            cut_windows(blocks, settings=self.mel), at_most=PATCHES_AT_MOST
        )
        if not windows:
            raise ValueError(f"fewer than {self.mel.n_fft} samples; give a longer song")
        return [patch_of(window, settings=self.mel) for window in windows], step

    def judge(self, patches: Sequence[NDArray[np.float32]], *, step: int) -> SongEmotion:
        """Return what a song expresses by its patches, at least one, so many patches apart."""
        rows = self._network.patch_probabilities(patches)
        return summarise(rows, patch_seconds=step * self.mel.patch_seconds)


def shipped_model_folder() -> Path:
    """Return the folder of the model that comes with this package."""
    return Path(str(resources.files("moodcue_mer_indexer") / "models" / "mer-cnn"))
