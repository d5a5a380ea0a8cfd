"""Give a mix the tonal balance, density and loudness of a released recording.

Bare synthesis is emptier than any recording: silence between notes, hardly anything above a few
kilohertz. As a mastering engineer does, the mix is split into bands, each band is compressed and
brought to the level that it has in recordings of that character, and the peaks are bent softly.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.ndimage import uniform_filter1d

from moodcue_mer_indexer.composer.plan import Plan, Style
from moodcue_mer_indexer.composer.synthesis import SAMPLE_RATE

__all__ = ["TONAL_BALANCE_DB", "add_ambience", "master"]

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
        sound: Shape ``(samples, 2)``.
        style: Decides level and movement.
    """
    generator = np.random.default_rng(23)
    length = next_fast_len(len(sound), real=True)
    frequencies = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE), 40.0)
    spectrum = rfft(generator.standard_normal((length, 2), dtype=np.float32), axis=0)
    # Pink: as much energy in every octave.
    pink = (1 / np.sqrt(frequencies)).astype(np.float32)[:, None]
    noise = irfft(spectrum * pink, n=length, axis=0)[: len(sound)]
    level = 10 ** (_AMBIENCE_DB[style] / 20) * np.sqrt((sound**2).mean())
    noise *= level / np.sqrt((noise**2).mean())
    if style is Style.MEADOW:
        times = np.arange(len(sound)) / SAMPLE_RATE
        noise *= (1 + 0.7 * np.sin(2 * np.pi * times / 7.3))[:, None]
    return np.asarray(sound + noise, dtype=np.float32)


def master(sound: NDArray[np.float32], *, plan: Plan) -> NDArray[np.float32]:
    """Return the finished sound ``(samples, 2)`` within ±0.95, its end faded."""
    balance = TONAL_BALANCE_DB[plan.style]
    finished = np.zeros_like(sound)
    for band, level_db in zip(_bands(sound), balance, strict=True):
        compressed = band * _gain(band, share=_COMPRESSION[plan.style])[:, None]
        rms = float(np.sqrt((compressed**2).mean())) + 1e-9
        finished += compressed * np.float32(10 ** ((plan.loudness_db + level_db) / 20) / rms)
    fade = int(0.5 * SAMPLE_RATE)
    finished[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return np.asarray(_CEILING * np.tanh(finished / _CEILING), dtype=np.float32)


def _bands(sound: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the sound split into bands that add up to it again."""
    length = next_fast_len(len(sound), real=True)
    spectrum = rfft(sound, n=length, axis=0)
    octaves = np.log2(np.maximum(rfftfreq(length, 1 / SAMPLE_RATE), 1.0))
    # Each crossover is half an octave wide.
    above = [np.clip((octaves - np.log2(edge)) * 2 + 0.5, 0, 1) for edge in _EDGES_HZ]
    shares = [low - high for low, high in zip([1.0, *above], [*above, 0.0], strict=True)]
    return [
        irfft(spectrum * np.asarray(share, dtype=np.float32)[:, None], n=length, axis=0)[
            : len(sound)
        ].astype(np.float32)
        for share in shares
    ]


def _gain(band: NDArray[np.float32], *, share: float) -> NDArray[np.float32]:
    """Return the gain per sample that takes away a share of the level changes of a band."""
    if share == 0.0:
        return np.ones(len(band), dtype=np.float32)
    starts = np.arange(0, len(band), _GAIN_STEP)
    power = np.add.reduceat((band**2).sum(axis=1), starts)
    power = uniform_filter1d(power, max(1, int(_ENVELOPE_SECONDS * SAMPLE_RATE / _GAIN_STEP)))
    relative_db = 10 * np.log10(power / (power.mean() + 1e-12) + 1e-12)
    gain = 10 ** (np.minimum(-share * relative_db, _LARGEST_BOOST_DB) / 20)
    return np.asarray(np.interp(np.arange(len(band)), starts, gain), dtype=np.float32)
