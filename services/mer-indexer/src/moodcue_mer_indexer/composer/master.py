"""Give a mix the tonal balance, density and loudness of a released recording.

Bare synthesis is emptier than any recording: silence between notes, hardly anything above a few
kilohertz. As a mastering engineer does, the mix is split into bands, each band is compressed and
brought to the level that it has in recordings of that character, and the peaks are bent softly.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.ndimage import uniform_filter1d

from moodcue_mer_indexer.composer.plan import Plan, Style
from moodcue_mer_indexer.composer.synthesis import SAMPLE_RATE

_EDGES_HZ = (150.0, 400.0, 1000.0, 2500.0, 5500.0)

TONAL_BALANCE_DB: Mapping[Style, tuple[float, ...]] = {
    Style.DANCE: (-8.3, -6.4, -5.7, -8.0, -13.4, -21.5),
    Style.STORM: (-3.8, -8.0, -8.7, -8.5, -11.5, -15.2),
    Style.LAMENT: (-7.4, -6.2, -6.9, -9.7, -15.2, -25.4),
    Style.MEADOW: (-7.2, -5.1, -8.3, -14.4, -19.7, -26.0),
}
"""Level of each band relative to the whole: medians of 30 recordings per quadrant of 4Q."""

_COMPRESSION: Mapping[Style, float] = {
    Style.DANCE: 0.0,
    Style.STORM: 0.25,
    Style.LAMENT: 0.1,
    Style.MEADOW: 0.1,
}
"""Share of a band's level changes, in dB, that is taken away."""

_AMBIENCE_DB: Mapping[Style, float] = {
    Style.DANCE: -27.0,
    Style.STORM: -15.0,
    Style.LAMENT: -34.0,
    Style.MEADOW: -34.0,
}
_LARGEST_BOOST_DB = 24.0
_ENVELOPE_SECONDS = 0.05
_GAIN_STEP = 64
_CEILING = 0.95


def add_ambience(sound: NDArray[np.float32], *, style: Style) -> NDArray[np.float32]:
    """Return the sound over the air of a room; over slow waves of it in calm, pleasant music.

    Args:
        sound: Shape ``(2, samples)``.
        style: Decides level and movement.
    """
    generator = np.random.default_rng(23)
    samples = sound.shape[1]
    length = next_fast_len(samples, real=True)
    frequencies = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE), 40.0)
    spectrum = rfft(generator.standard_normal((length, 2), dtype=np.float32).T.copy())
    # Pink: as much energy in every octave.
    spectrum *= (1 / np.sqrt(frequencies)).astype(np.float32)
    noise = irfft(spectrum, n=length)[:, :samples]
    noise *= 10 ** (_AMBIENCE_DB[style] / 20) * _rms(sound) / _rms(noise)
    if style is Style.MEADOW:
        times = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
        noise *= 1 + 0.7 * np.sin(2 * np.pi * times / 7.3)
    return np.asarray(sound + noise, dtype=np.float32)


def master(sound: NDArray[np.float32], *, plan: Plan) -> NDArray[np.float32]:
    """Return the finished sound ``(2, samples)`` within ±0.95, its end faded."""
    share = _COMPRESSION[plan.style]
    finished = np.zeros_like(sound)
    for band, level_db in zip(_bands(sound), TONAL_BALANCE_DB[plan.style], strict=True):
        if share > 0:
            band *= _gain(band, share=share)  # noqa: PLW2901 - a band is used once
        finished += band * np.float32(
            10 ** ((plan.loudness_db + level_db) / 20) / (_rms(band) + 1e-9)
        )
    fade = int(0.5 * SAMPLE_RATE)
    finished[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(_CEILING * np.tanh(finished / _CEILING), dtype=np.float32)


def _rms(sound: NDArray[np.float32]) -> float:
    """Return the root of the mean power of both sides."""
    return float(np.sqrt(np.mean([np.dot(side, side) / side.size for side in sound])))


def _bands(sound: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield the bands of a sound; they add up to it again."""
    samples = sound.shape[1]
    length = next_fast_len(samples, real=True)
    spectrum = rfft(sound, n=length)
    octaves = np.log2(np.maximum(rfftfreq(length, 1 / SAMPLE_RATE), 1.0))
    # Each crossover is half an octave wide.
    above = [np.clip((octaves - np.log2(edge)) * 2 + 0.5, 0, 1) for edge in _EDGES_HZ]
    for low, high in zip([1.0, *above], [*above, 0.0], strict=True):
        share = np.asarray(low - high, dtype=np.float32)
        yield irfft(spectrum * share, n=length)[:, :samples]


def _gain(band: NDArray[np.float32], *, share: float) -> NDArray[np.float32]:
    """Return the gain per sample that takes away a share of the level changes of a band."""
    samples = band.shape[1]
    starts = np.arange(0, samples, _GAIN_STEP)
    power = np.add.reduceat(band[0] ** 2 + band[1] ** 2, starts)
    power = uniform_filter1d(power, max(1, int(_ENVELOPE_SECONDS * SAMPLE_RATE / _GAIN_STEP)))
    relative_db = 10 * np.log10(power / (power.mean() + 1e-12) + 1e-12)
    gain = 10 ** (np.minimum(-share * relative_db, _LARGEST_BOOST_DB) / 20)
    return np.asarray(np.interp(np.arange(samples), starts, gain), dtype=np.float32)
