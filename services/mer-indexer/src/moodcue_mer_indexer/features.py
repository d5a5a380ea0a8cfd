"""Facts of a song that a listener would name: how loud, how bright, how fast, in which key.

They are measured in one pass over a song: the tempo from the spectrogram of all of it, of which the
model hears only some places, the rest from one Fourier transform per quarter of a second. Nothing
that is kept grows with the length of a song.

Centroid, bandwidth and roll-off are those of librosa (magnitudes as weights, 85 % roll-off), the
mean over windows that are not silent. The key is the one of the 24 profiles of Krumhansl and
Kessler (1982) that correlates best with the mean chroma. The tempo is the period at which the
rises of the spectrogram correlate best with themselves, with the listener's preference for about
two beats a second (Ellis, J. New Music Research 2007).

Of the 36 pieces of the demo library, whose plans are known, 31 have their tempo or twice or half of
it (19 exactly; slow pieces in even eighths are heard at twice their tempo), 28 their tonic, and 26
their tonic and mode.
"""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

import msgspec
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from moodcue_mer_indexer.mel import MelSettings, hann_window, stream_log_mel

_WINDOW: Final = 4096
_ROLL_OFF: Final = 0.85
_SILENCE_DBFS: Final = -70.0

_CHROMA_HERTZ: Final = (100.0, 2000.0)
_PITCHES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_MAJOR: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
# Noise fits a profile by chance, but its chroma is nearly flat.
_LEAST_CHROMA_CONTRAST: Final = 0.12
_LEAST_KEY_CORRELATION: Final = 0.5

_SLOWEST_BPM: Final = 40.0
_FASTEST_BPM: Final = 210.0
_PREFERRED_BPM: Final = 120.0
_MULTIPLES: Final = 4
_SEGMENT_SECONDS: Final = 12.0
_LEAST_SECONDS: Final = 5.0
# What a half or a third of a period explains by itself speaks against the period.
_FASTER_PULSE_PENALTY: Final = 0.25
_LEAST_PULSE: Final = 0.12
# Deviation of the rises, in dB: a steady tone has less, and music had 0.4 to 2.2.
_LEAST_RISES: Final = 0.05
# Of the spectrogram: rises out of near silence are no beats.
_QUIET_DECIBELS: Final = -40.0


class SongFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a song without a model; None where nothing can be said.

    Attributes:
        loudness_dbfs: Root mean square, 0 for a square wave of full scale; None for silence.
        centroid_hertz: Mean frequency, weighted by magnitude: brightness.
        bandwidth_hertz: Mean deviation of frequencies from the centroid.
        roll_off_hertz: Frequency below which 85 % of the magnitudes lie.
        zero_crossings: Changes of sign per second.
        tempo_bpm: Beats per minute, 40 to 210; None for music without a pulse or under 5 s.
        key: Such as ``C major`` or ``F# minor``; None where no key stands out.
    """

    loudness_dbfs: float | None
    centroid_hertz: float | None
    bandwidth_hertz: float | None
    roll_off_hertz: float | None
    zero_crossings: float | None
    tempo_bpm: float | None
    key: str | None


class FactsMeter:
    """Measures a song while it is listened to.

    Args:
        mel: Settings of the spectrogram that `add_spectrogram` gets.
    """

    def __init__(self, *, mel: MelSettings) -> None:
        self._rate = mel.sample_rate
        self._samples = 0
        self._energy = 0.0
        self._crossings = 0
        self._positive: bool | None = None
        self._kept = np.empty(0, dtype=np.float32)
        self._windows = 0
        self._shape = np.zeros(3)
        self._chroma = np.zeros(len(_PITCHES))
        self._pulse = _PulseMeter(frames_per_second=mel.sample_rate / mel.hop_length)

    def samples(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Pass blocks of samples on, and measure them."""
        for block in blocks:
            self.add_samples(block)
            yield block

    def add_samples(self, block: NDArray[np.float32]) -> None:
        """Measure the samples that follow, shape ``(samples,)``, full scale -1 to 1."""
        if block.size == 0:
            return
        self._samples += block.size
        self._energy += float(np.dot(block, block))
        positive = block >= 0
        self._crossings += int(np.count_nonzero(positive[1:] != positive[:-1]))
        self._crossings += int(self._positive is not None and bool(positive[0]) != self._positive)
        self._positive = bool(positive[-1])
        joined = np.concatenate([self._kept, block])
        whole = joined.size - joined.size % _WINDOW
        # A copy, so that a short rest does not keep the block.
        self._kept = joined[whole:].copy()
        if whole:
            self._add_windows(joined[:whole].reshape(-1, _WINDOW))

    def add_spectrogram(self, piece: NDArray[np.float32]) -> None:
        """Measure the frames that follow, shape ``(n_mels, frames)`` in dB."""
        self._pulse.add(piece)

    def result(self) -> SongFacts:
        """Return the facts of what was added so far."""
        loudness = _decibels(self._energy / self._samples) if self._samples else None
        shape = self._shape / self._windows if self._windows else (None, None, None)
        centroid, bandwidth, roll_off = (None if v is None else float(v) for v in shape)
        heard = loudness is not None
        return SongFacts(
            loudness_dbfs=loudness,
            centroid_hertz=centroid,
            bandwidth_hertz=bandwidth,
            roll_off_hertz=roll_off,
            zero_crossings=self._crossings * self._rate / self._samples if heard else None,
            tempo_bpm=self._pulse.tempo(),
            key=_key(self._chroma),
        )

    def _add_windows(self, windows: NDArray[np.float32]) -> None:
        loud = np.square(windows).mean(axis=1) > 10 ** (_SILENCE_DBFS / 10)
        if not loud.any():
            return
        magnitudes = np.abs(scipy.fft.rfft(windows[loud] * hann_window(_WINDOW), axis=1))
        self._windows += len(magnitudes)
        self._shape += _shape(magnitudes, rate=self._rate).sum(axis=0)
        chroma = magnitudes @ _chroma_bank(self._rate)
        # Each window counts alike, or a loud chorus would decide the key alone.
        self._chroma += (chroma / (chroma.sum(axis=1, keepdims=True) + 1e-12)).sum(axis=0)


def song_facts(blocks: Iterable[NDArray[np.float32]], *, mel: MelSettings) -> SongFacts:
    """Return the facts of a song.

    Args:
        blocks: Consecutive samples at the rate of `mel`, mono, each of shape ``(samples,)``.
        mel: Settings of the spectrogram that the tempo is taken from.
    """
    meter = FactsMeter(mel=mel)
    for piece in stream_log_mel(meter.samples(blocks), settings=mel):
        meter.add_spectrogram(piece)
    return meter.result()


class _PulseMeter:
    """Accumulates how the rises of a spectrogram correlate with themselves."""

    def __init__(self, *, frames_per_second: float) -> None:
        self._rate = frames_per_second
        self._segment = round(_SEGMENT_SECONDS * frames_per_second)
        self._last: NDArray[np.float32] | None = None
        self._kept = np.empty(0, dtype=np.float32)
        lags = int(np.ceil(_MULTIPLES * 60 / _SLOWEST_BPM * frames_per_second)) + 2
        self._correlation = np.zeros(lags)
        self._frames = 0

    def add(self, piece: NDArray[np.float32]) -> None:
        heard = np.maximum(piece, np.float32(_QUIET_DECIBELS))
        if self._last is not None:
            heard = np.concatenate([self._last, heard], axis=1)
        self._last = heard[:, -1:].copy()
        rises = np.maximum(np.diff(heard, axis=1), 0).mean(axis=0)
        self._kept = np.concatenate([self._kept, rises])
        while self._kept.size >= self._segment:
            self._correlation += self._correlate(self._kept[: self._segment])
            self._frames += self._segment
            self._kept = self._kept[self._segment :].copy()

    def tempo(self) -> float | None:
        correlation, frames = self._correlation, self._frames
        if self._kept.size >= _LEAST_SECONDS * self._rate:
            correlation = correlation + self._correlate(self._kept)
            frames += self._kept.size
        if correlation[0] <= frames * _LEAST_RISES**2:
            return None
        return tempo_of(correlation, frames_per_second=self._rate)

    def _correlate(self, rises: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sums over pairs of frames by their distance, as if there were no end."""
        lags = self._correlation.size
        centred = rises.astype(np.float64) - rises.mean()
        size = scipy.fft.next_fast_len(2 * rises.size, real=True)
        spectrum = scipy.fft.rfft(centred, size)
        sums = scipy.fft.irfft(np.square(np.abs(spectrum)), size)[: min(lags, rises.size)]
        pairs = rises.size - np.arange(sums.size)
        # Few pairs say little: half of a segment is the least that one lag is estimated from.
        scaled = sums * rises.size / np.maximum(pairs, rises.size / 2)
        return np.pad(scaled, (0, lags - scaled.size))


def tempo_of(correlation: NDArray[np.float64], *, frames_per_second: float) -> float | None:
    """Return the tempo that an autocorrelation shows, or None if it shows none.

    A period counts by how strong the correlation is at it and, half as much, at its multiples;
    less by how strong it is at a half and a third of it, for then the pulse is a faster one; and
    by its distance from 120 BPM in octaves.

    Args:
        correlation: By lag in frames, from 0 on; lag 0 is the largest.
        frames_per_second: Of the spectrogram.

    Returns:
        Beats per minute, 40 to 210.
    """
    if correlation[0] <= 0:
        return None
    normalised = correlation / correlation[0]
    octaves = np.log2(_FASTEST_BPM / _SLOWEST_BPM)
    tempos = _SLOWEST_BPM * 2 ** np.linspace(0, octaves, 800)
    periods = 60 / tempos * frames_per_second

    def at(lags: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(lags, np.arange(normalised.size), normalised))

    multiples = np.mean([at(k * periods) for k in range(2, _MULTIPLES + 1)], axis=0)
    pulses = (at(periods) + multiples) / 2
    faster = np.maximum(at(periods / 2), at(periods / 3))
    preference = np.exp(-0.5 * np.square(np.log2(tempos / _PREFERRED_BPM)))
    scores = (pulses - _FASTER_PULSE_PENALTY * np.maximum(faster, 0)) * preference
    best = int(scores.argmax())
    return float(tempos[best]) if pulses[best] >= _LEAST_PULSE else None


def _decibels(power: float) -> float | None:
    return float(10 * np.log10(power)) if power > 0 else None


def _shape(magnitudes: NDArray[np.float32], *, rate: int) -> NDArray[np.float64]:
    """Return centroid, bandwidth and roll-off in Hz of each window, shape ``(windows, 3)``."""
    hertz = np.arange(magnitudes.shape[1]) * rate / _WINDOW
    cumulated = np.cumsum(magnitudes, axis=1, dtype=np.float64)
    total = cumulated[:, -1]
    centroid = magnitudes @ hertz / total
    # The variance about the centroid is the mean square less the square of the mean.
    spread = np.sqrt(np.maximum(magnitudes @ np.square(hertz) / total - np.square(centroid), 0))
    roll_off = hertz[(cumulated < _ROLL_OFF * total[:, None]).sum(axis=1)]
    return np.stack([centroid, spread, roll_off], axis=1)


def _key(chroma: NDArray[np.float64]) -> str | None:
    if chroma.sum() <= 0 or chroma.std() < _LEAST_CHROMA_CONTRAST * chroma.mean():
        return None
    names, profiles = _key_profiles()
    correlations = profiles @ ((chroma - chroma.mean()) / chroma.std()) / chroma.size
    best = int(correlations.argmax())
    return names[best] if correlations[best] >= _LEAST_KEY_CORRELATION else None


@cache
def _key_profiles() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the names of the 24 keys and their standardised profiles, shape ``(24, 12)``."""
    names, rows = [], []
    for mode, profile in (("major", _MAJOR), ("minor", _MINOR)):
        standard = (np.array(profile) - np.mean(profile)) / np.std(profile)
        for tonic, pitch in enumerate(_PITCHES):
            names.append(f"{pitch} {mode}")
            rows.append(np.roll(standard, tonic))
    return tuple(names), np.stack(rows)


@lru_cache(maxsize=4)
def _chroma_bank(rate: int) -> NDArray[np.float32]:
    """Return the share of each bin in each pitch class, shape ``(bins, 12)``."""
    hertz = np.arange(1, _WINDOW // 2 + 1) * rate / _WINDOW
    semitones = 12 * np.log2(hertz / 440.0) + _PITCHES.index("A")
    distance = (semitones[:, None] - np.arange(12) + 6) % 12 - 6
    share = np.clip(1 - 2 * np.abs(distance), 0, None)
    low, high = _CHROMA_HERTZ
    share[(hertz < low) | (hertz > high)] = 0
    bank = np.concatenate([np.zeros((1, 12)), share]).astype(np.float32)
    bank.flags.writeable = False
    return bank
