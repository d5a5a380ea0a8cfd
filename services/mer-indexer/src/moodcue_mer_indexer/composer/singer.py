"""A singer, gentle or hoarse."""

import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.composer.synthesis import (
    HIGHEST_HZ,
    SAMPLE_RATE,
    Samples,
    envelope,
    finished,
    read_table,
    wave_table,
)
from moodcue_mer_indexer.composer.theory import frequency

_VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (570, 840, 2410), (390, 1990, 2550))
"""First three formants in Hz of a, e, o and i (Peterson and Barney 1952, men)."""


def _sung_table(pitch: float, vowel: tuple[int, ...]) -> NDArray[np.float64]:
    """Return one period of a voice: harmonics under the formants of a vowel."""
    base = frequency(pitch)
    harmonics = np.arange(1, int(np.clip(HIGHEST_HZ / base, 1, 60)) + 1)
    shape = np.full(harmonics.size, 0.12)
    for level, centre in zip((1.0, 0.6, 0.35), vowel, strict=True):
        shape += level * np.exp(-(((harmonics * base - centre) / 160) ** 2))
    return wave_table(shape / harmonics**0.7, harmonics=harmonics)


def voice(pitch: float, seconds: float, brightness: float) -> Samples:
    """Return a sung note: a consonant, a scoop up to the pitch, vibrato, vowel to vowel."""
    generator = np.random.default_rng((round(pitch * 4), round(seconds * 1000)))
    shape = envelope(seconds, attack=0.05, release=0.12, sustain=0.8)
    times = np.arange(shape.size) / SAMPLE_RATE
    first, second = generator.choice(len(_VOWELS), size=2, replace=False)
    settled = np.clip((times - 0.2) / 0.3, 0, 1)
    semitones = -0.8 * np.exp(-times / 0.05) + 0.45 * settled * np.sin(2 * np.pi * 5.5 * times)
    cycles = np.cumsum(frequency(pitch) * 2 ** (semitones / 12)) / SAMPLE_RATE
    change = np.clip(times / max(seconds, 0.1), 0, 1)
    sung = (1 - change) * read_table(_sung_table(pitch, _VOWELS[first]), cycles=cycles)
    sung += change * read_table(_sung_table(pitch, _VOWELS[second]), cycles=cycles)
    noise = np.diff(generator.normal(size=shape.size), prepend=0.0)
    consonant = noise * np.exp(-times / 0.03) * (0.05 + 0.1 * brightness)
    return finished(sung * shape + 0.01 * noise * shape + consonant)


def shout(pitch: float, seconds: float, brightness: float) -> Samples:
    """Return a sung note driven to hoarseness."""
    sung = voice(pitch, seconds, brightness).astype(np.float64)
    generator = np.random.default_rng((round(pitch * 4), round(seconds * 1000), 1))
    rough = sung * (1 + 0.9 * generator.normal(size=sung.size))
    return finished(np.tanh((2 + 3 * brightness) * rough))
