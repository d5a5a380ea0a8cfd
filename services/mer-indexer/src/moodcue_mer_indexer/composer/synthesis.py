"""What instruments are made of: time, envelopes and band-limited oscillators."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.composer.theory import frequency

SAMPLE_RATE = 32_000
"""Samples per second of composed music; 16 kHz of bandwidth suits these instruments."""

Samples = NDArray[np.float32]
Signal = NDArray[np.float64]

HIGHEST_HZ = 12_000.0
"""Above this frequency instruments have no harmonics."""

_TABLE_SIZE = 2048


def times_of(seconds: float) -> Signal:
    """Return the time of every sample, at least one."""
    return np.arange(max(1, int(seconds * SAMPLE_RATE))) / SAMPLE_RATE


def finished(sound: Signal) -> Samples:
    """Return a sound as it is mixed."""
    return np.asarray(sound, dtype=np.float32)


def envelope(seconds: float, *, attack: float, release: float, sustain: float = 1.0) -> Signal:
    """Return a rise, a slow fall to `sustain`, and a fade of `release` s after `seconds`."""
    total = seconds + release
    attack = min(attack, seconds / 2)
    points = [0.0, attack, max(seconds, attack + 1e-3), total + 1e-3]
    return np.interp(times_of(total), points, [0.0, 1.0, sustain, 0.0])


def wave_table(levels: Signal, *, harmonics: NDArray[np.int64]) -> Signal:
    """Return one period of a sum of harmonics with the given levels, peak 1."""
    table = levels @ _sines(int(harmonics[-1]))[harmonics - 1]
    return np.asarray(table / np.abs(table).max())


@cache
def _sines(count: int) -> Signal:
    """Return one period of each of the first harmonics, shape ``(count, table)``."""
    phases = 2 * np.pi * np.arange(_TABLE_SIZE + 1) / _TABLE_SIZE
    return np.asarray(np.sin(np.outer(np.arange(1, count + 1), phases)))


def read_table(table: Signal, *, cycles: Signal) -> Signal:
    """Return the wave of a table at positions counted in periods."""
    positions = (cycles - np.floor(cycles)) * _TABLE_SIZE
    # The position may be rounded up to the end of the table, which is its beginning again.
    before = np.minimum(positions.astype(np.int64), _TABLE_SIZE - 1)
    return np.asarray(table[before] + np.diff(table)[before] * (positions - before))


def oscillator(
    pitch: float, seconds: float, *, slope: float, odd: bool = False, vibrato: float = 0.0
) -> Signal:
    """Return a band-limited wave whose harmonics fall as ``1 / h ** slope``.

    Args:
        pitch: MIDI note.
        seconds: Length.
        slope: 1 is a saw, 3 is nearly a sine.
        odd: Leave out the even harmonics.
        vibrato: Largest deviation as a share of the frequency.
    """
    base = frequency(pitch)
    harmonics = np.arange(1, int(np.clip(HIGHEST_HZ / base, 1, 40)) + 1, 2 if odd else 1)
    times = times_of(seconds)
    cycles = base * times
    if vibrato:
        # 5.2 Hz, as players do, and only after the note has settled.
        depth = vibrato * np.clip((times - 0.15) / 0.4, 0, 1)
        cycles = cycles + base * depth * np.sin(2 * np.pi * 5.2 * times) / (2 * np.pi * 5.2)
    return read_table(wave_table(1 / harmonics**slope, harmonics=harmonics), cycles=cycles)
