"""The log spectrogram that training, evaluation and indexing share, in mel or equal bands.

A band is a triangle over the bins of a Fourier transform, as in Slaney's Auditory Toolbox (1998):
its corners are three neighbouring edges, its area is the same for all bands. The mel scale is
Slaney's too: linear up to 1 kHz, logarithmic above. librosa has the same by default, and a test
holds the two together; this one needs no numba and no float64, and is several times faster.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec
import numpy as np
import scipy.fft
from numpy.typing import NDArray

# Power below -80 dB of full scale is silence to a listener, and to the model.
_POWER_FLOOR = 1e-8

# What the transform of so many frames holds fits into the cache of a core.
_FRAMES_AT_ONCE = 128

# Windows that are kept to choose from, per window that is wanted: a step can then be any whole
# number up to this, and memory is bounded for a song of any length.
_KEPT_PER_WANTED = 4

_HERTZ_PER_MEL = 200 / 3
_LOGARITHMIC_FROM_HERTZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


class MelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a model was trained on; kept in its manifest.

    Attributes:
        sample_rate: Samples per second.
        n_fft: Samples per analysis window.
        hop_length: Samples between two windows.
        n_mels: Bands.
        fmin: Lower edge of the lowest band, in Hz.
        fmax: Upper edge of the highest band, in Hz.
        patch_frames: Spectrogram frames that the model takes at once.
        scale: ``mel`` for bands that are equally wide to the ear, ``linear`` for bands that are
            equally wide in Hz.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    patch_frames: int
    scale: Literal["mel", "linear"] = "mel"

    @property
    def patch_samples(self) -> int:
        """Samples that give exactly `patch_frames` frames."""
        return self.n_fft + (self.patch_frames - 1) * self.hop_length

    @property
    def patch_seconds(self) -> float:
        """From the start of one patch to the start of the next."""
        return self.patch_frames * self.hop_length / self.sample_rate


def log_mel(samples: NDArray[np.float32], *, settings: MelSettings) -> NDArray[np.float32]:
    """Return the power in the bands of `settings`, in decibels relative to full scale.

    Windows are not padded at the edges, so the spectrogram of a piece of a song is the same as
    that piece of the spectrogram of the song.

    Args:
        samples: Shape ``(samples,)``, at least ``settings.n_fft`` of them.
        settings: As in the model's manifest.

    Returns:
        Shape ``(n_mels, frames)``, at least -80 dB.

    Raises:
        ValueError: There are fewer samples than one window.
    """
    frames = np.lib.stride_tricks.sliding_window_view(
        np.asarray(samples, dtype=np.float32), settings.n_fft
    )[:: settings.hop_length]
    window = hann_window(settings.n_fft)
    bank = filter_bank(settings)
    decibels = np.empty((settings.n_mels, len(frames)), dtype=np.float32)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        spectrum = scipy.fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        decibels[:, start : start + _FRAMES_AT_ONCE] = bank @ power.T
    np.maximum(decibels, _POWER_FLOOR, out=decibels)
    np.log10(decibels, out=decibels)
    decibels *= 10
    return decibels


@lru_cache(maxsize=8)
def filter_bank(settings: MelSettings) -> NDArray[np.float32]:
    """Return the share of each bin's power in each band, shape ``(n_mels, n_fft // 2 + 1)``.

    The array is shared and read-only.
    """
    bins = np.arange(settings.n_fft // 2 + 1) * settings.sample_rate / settings.n_fft
    edges = _band_edges(settings)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    areas = (edges[2:] - edges[:-2])[:, None] / 2
    bank = (np.clip(np.minimum(rising, falling), 0, None) / areas).astype(np.float32)
    bank.flags.writeable = False
    return bank


def _band_edges(settings: MelSettings) -> NDArray[np.float64]:
    """Return the corners of the bands in Hz; band ``i`` has corners ``i`` to ``i + 2``."""
    count = settings.n_mels + 2
    if settings.scale == "linear":
        return np.linspace(settings.fmin, settings.fmax, count)
    return _mel_to_hertz(
        np.linspace(_hertz_to_mel(settings.fmin), _hertz_to_mel(settings.fmax), count)
    )


def _hertz_to_mel(hertz: float) -> float:
    if hertz < _LOGARITHMIC_FROM_HERTZ:
        return hertz / _HERTZ_PER_MEL
    above = np.log(hertz / _LOGARITHMIC_FROM_HERTZ) / _LOG_STEP
    return float(_LOGARITHMIC_FROM_HERTZ / _HERTZ_PER_MEL + above)


def _mel_to_hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = mels - _LOGARITHMIC_FROM_HERTZ / _HERTZ_PER_MEL
    logarithmic = _LOGARITHMIC_FROM_HERTZ * np.exp(_LOG_STEP * above)
    return np.where(above < 0, mels * _HERTZ_PER_MEL, logarithmic)


@lru_cache(maxsize=8)
def hann_window(size: int) -> NDArray[np.float32]:
    """Return a periodic Hann window, shape ``(size,)``; shared and read-only."""
    turns = np.arange(size) / size
    window = (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)
    window.flags.writeable = False
    return window


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


def cut_windows(
    blocks: Iterable[NDArray[np.float32]], *, settings: MelSettings
) -> Iterator[NDArray[np.float32]]:
    """Cut a stream of samples where `cut_patches` cuts its spectrogram.

    So a patch that nobody hears costs no spectrogram.

    Args:
        blocks: Consecutive samples, each of shape ``(samples,)``.
        settings: As in the model's manifest.

    Yields:
        ``patch_samples`` samples each, or all of them if there are fewer; none for a stream
        that is shorter than one window of the spectrogram.
    """
    advance = settings.patch_frames * settings.hop_length
    kept = np.empty(0, dtype=np.float32)
    previous: NDArray[np.float32] | None = None
    for block in blocks:
        kept = np.concatenate([kept, block])
        while kept.size >= settings.patch_samples:
            # A copy, so that a window does not keep what is around it.
            previous = kept[: settings.patch_samples].copy()
            yield previous
            kept = kept[advance:]
    frames = max(0, 1 + (kept.size - settings.n_fft) // settings.hop_length)
    if previous is not None and frames:
        start = frames * settings.hop_length
        joined = np.concatenate([previous[:advance], kept])
        yield joined[start : start + settings.patch_samples]
    elif frames:
        yield kept


def patch_of(window: NDArray[np.float32], *, settings: MelSettings) -> NDArray[np.float32]:
    """Return the patch ``(n_mels, patch_frames)`` of a window of `cut_windows`, in dB."""
    spectrogram = log_mel(window, settings=settings)
    return next(cut_patches([spectrogram], frames=settings.patch_frames))


def evenly_spaced(
    windows: Iterable[NDArray[np.float32]], *, at_most: int
) -> tuple[list[NDArray[np.float32]], int]:
    """Choose windows in equal steps from the first one on, without knowing how many will come.

    Args:
        windows: Of one song, in order.
        at_most: How many are wanted, at least 1; more than half of it are chosen where there
            are as many.

    Returns:
        The windows, and the step: 1 if all were chosen, 2 for every second one, and so on.
    """
    kept: list[NDArray[np.float32]] = []
    stride = 1
    for place, window in enumerate(windows):
        if place % stride == 0:
            kept.append(window)
        if len(kept) > _KEPT_PER_WANTED * at_most:
            kept, stride = kept[::2], 2 * stride
    step = max(1, -(-len(kept) // at_most))
    return kept[::step], step * stride
