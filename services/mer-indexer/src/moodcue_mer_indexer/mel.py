"""The log-mel spectrogram that training, evaluation and indexing share."""

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["MelSettings", "cut_patches", "log_mel", "stream_log_mel"]

# Power below -80 dB of full scale is silence to a listener, and to the model.
_POWER_FLOOR = 1e-8


class MelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a model was trained on; kept in its manifest.

    Attributes:
        sample_rate: Samples per second.
        n_fft: Samples per analysis window.
        hop_length: Samples between two windows.
        n_mels: Mel bands.
        fmin: Lower edge of the lowest band, in Hz.
        fmax: Upper edge of the highest band, in Hz.
        patch_frames: Spectrogram frames that the model takes at once.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    patch_frames: int

    @property
    def patch_samples(self) -> int:
        """Samples that give exactly `patch_frames` frames."""
        return self.n_fft + (self.patch_frames - 1) * self.hop_length

    @property
    def patch_seconds(self) -> float:
        """From the start of one patch to the start of the next."""
        return self.patch_frames * self.hop_length / self.sample_rate


def log_mel(samples: NDArray[np.float32], *, settings: MelSettings) -> NDArray[np.float32]:
    """Return the mel spectrogram of the power, in decibels relative to full scale.

    Windows are not padded at the edges, so the spectrogram of a piece of a song is the same as
    that piece of the spectrogram of the song.

    Args:
        samples: Shape ``(samples,)``, at least ``settings.n_fft`` of them.
        settings: As in the model's manifest.

    Returns:
        Shape ``(n_mels, frames)``, at least -80 dB.
    """
    import librosa  # noqa: PLC0415 - brings numba, seconds that `--help` need not wait for

    power = librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        center=False,
        power=2.0,
    )
    decibels = librosa.power_to_db(power, ref=1.0, amin=_POWER_FLOOR, top_db=None)
    return np.asarray(decibels, dtype=np.float32)


def stream_log_mel(
    blocks: Iterable[NDArray[np.float32]], *, settings: MelSettings
) -> Iterator[NDArray[np.float32]]:
    """Yield the log-mel spectrogram of a stream of samples piece by piece.

    Args:
        blocks: Consecutive samples, each of shape ``(samples,)``.
        settings: As in the model's manifest.

    Yields:
        Consecutive pieces ``(n_mels, patch_frames)``, the last one possibly shorter. Joined,
        they equal `log_mel` of the whole.
    """
    kept = np.empty(0, dtype=np.float32)
    advance = settings.patch_frames * settings.hop_length
    for block in blocks:
        kept = np.concatenate([kept, block])
        while kept.size >= settings.patch_samples:
            yield log_mel(kept[: settings.patch_samples], settings=settings)
            kept = kept[advance:]
    if kept.size >= settings.n_fft:
        yield log_mel(kept, settings=settings)


def cut_patches(
    pieces: Iterable[NDArray[np.float32]], *, frames: int
) -> Iterator[NDArray[np.float32]]:
    """Cut a spectrogram into patches of one length that cover all of it.

    Patches follow each other without overlap; the last one reaches back into the one before it.
    A spectrogram shorter than a patch is repeated.

    Args:
        pieces: Consecutive pieces ``(n_mels, any)`` of one spectrogram.
        frames: Frames per patch.

    Yields:
        Patches ``(n_mels, frames)``; none for an empty spectrogram.
    """
    previous: NDArray[np.float32] | None = None
    kept: NDArray[np.float32] | None = None
    for piece in pieces:
        kept = piece if kept is None else np.concatenate([kept, piece], axis=1)
        while kept.shape[1] >= frames:
            previous, kept = kept[:, :frames], kept[:, frames:]
            yield previous
    if kept is None or kept.shape[1] == 0:
        return
    if previous is not None:
        yield np.concatenate([previous, kept], axis=1)[:, -frames:]
    else:
        yield np.tile(kept, (1, -(-frames // kept.shape[1])))[:, :frames]
