"""Instruments made of oscillators and plucked strings."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import lfilter

from moodcue_mer_indexer.composer.singer import shout, voice
from moodcue_mer_indexer.composer.synthesis import (
    SAMPLE_RATE,
    Samples,
    envelope,
    finished,
    oscillator,
    times_of,
)
from moodcue_mer_indexer.composer.theory import frequency

Instrument = Callable[[float, float, float], Samples]
"""Pitch (MIDI), seconds, brightness (0 to 1) to samples of about full scale, tail included."""


def _slope(brightness: float) -> float:
    return float(2.4 - 1.5 * brightness)


def _piano(pitch: float, seconds: float, brightness: float) -> Samples:
    total = seconds + 0.4
    times = times_of(total)
    base = frequency(pitch)
    index = (0.4 + 2.0 * brightness) * np.exp(-times / 0.35)
    tone = np.sin(2 * np.pi * base * times + index * np.sin(2 * np.pi * base * times))
    tone += 0.12 * np.exp(-times / 0.08) * np.sin(2 * np.pi * 7 * base * times) * brightness
    decay = np.exp(-times / (0.5 + 1.4 * 60 / max(pitch, 30)))
    return finished(tone * decay * envelope(seconds, attack=0.004, release=0.4)[: times.size])


def _pluck(pitch: float, seconds: float, brightness: float) -> Samples:
    """Karplus-Strong: noise that circulates in a delay line with a two-point average."""
    total = seconds + 0.5
    period = SAMPLE_RATE / frequency(pitch) - 0.5
    whole = int(period)
    part = period - whole
    loop = 0.5 ** (1.0 / (frequency(pitch) * (0.25 + 0.35 * 60 / pitch)))
    taps = np.convolve([0.5, 0.5], [1 - part, part]) * loop
    burst = np.zeros(times_of(total).size)
    noise = np.random.default_rng(round(pitch * 4)).uniform(-1, 1, whole)
    smoothing = 0.9 * (1 - brightness)
    burst[: min(whole, burst.size)] = lfilter([1 - smoothing], [1, -smoothing], noise)[: burst.size]
    string = lfilter([1.0], np.concatenate([[1.0], np.zeros(whole - 1), -taps]), burst)
    string *= envelope(seconds, attack=0.001, release=0.5)[: string.size]
    return finished(string / max(np.abs(string).max(), 1e-9))


def _pad(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.6, release=0.9)
    total = seconds + 0.9
    layers = np.sum(
        [
            oscillator(pitch + detune, total, slope=_slope(brightness) + 0.3)
            for detune in (-0.07, 0.0, 0.06)
        ],
        axis=0,
    )
    return finished(layers[: shape.size] * shape / 3)


def _strings(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.12, release=0.35, sustain=0.85)
    tone = oscillator(pitch, seconds + 0.35, slope=_slope(brightness), vibrato=0.006)
    second = oscillator(pitch + 0.05, seconds + 0.35, slope=_slope(brightness), vibrato=0.005)
    return finished((tone + second)[: shape.size] * shape / 2)


def _flute(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.07, release=0.2, sustain=0.9)
    tone = oscillator(pitch, seconds + 0.2, slope=3.0 - brightness, vibrato=0.005)
    breath = np.random.default_rng(round(pitch * 4)).normal(0, 0.01, shape.size)
    return finished((tone[: shape.size] + breath) * shape)


def _lead(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.012, release=0.08, sustain=0.75)
    dark = oscillator(pitch, seconds + 0.08, slope=2.2, odd=True, vibrato=0.004)
    bright = oscillator(pitch + 0.06, seconds + 0.08, slope=_slope(brightness))
    fade = np.exp(-times_of(seconds + 0.08) / 0.15) * 0.6 + 0.25
    return finished((dark * (1 - fade) + bright * fade)[: shape.size] * shape)


def _brass(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.03, release=0.1, sustain=0.8)
    times = times_of(seconds + 0.1)
    base = frequency(pitch)
    index = (0.8 + 2.2 * brightness) * np.minimum(times / 0.05, 1) * (0.5 + 0.5 * np.exp(-times))
    tone = np.sin(2 * np.pi * base * times + index * np.sin(2 * np.pi * base * times))
    return finished(tone[: shape.size] * shape)


def _guitar(pitch: float, seconds: float, brightness: float) -> Samples:
    """Return a distorted power chord: root, fifth and octave driven into saturation."""
    shape = envelope(seconds, attack=0.004, release=0.06, sustain=0.8)
    total = seconds + 0.06
    strings = [oscillator(pitch + step, total, slope=1.0) for step in (0, 0.08, 7, 7.06, 12.03)]
    generator = np.random.default_rng((round(pitch * 4), round(seconds * 1000)))
    pick = generator.normal(size=shape.size) * (0.15 + np.exp(-times_of(total) / 0.02))
    chord = np.sum(strings, axis=0) + pick
    driven = np.tanh((3 + 9 * brightness) * chord * shape)
    # A cabinet: the highest fizz is gone.
    return finished(lfilter([0.45], [1, -0.55], driven) * shape)


def _bass(pitch: float, seconds: float, brightness: float) -> Samples:
    shape = envelope(seconds, attack=0.008, release=0.08, sustain=0.7)
    tone = oscillator(pitch, seconds + 0.08, slope=2.6 - 1.2 * brightness)
    return finished(np.tanh(1.5 * tone)[: shape.size] * shape)


def _bell(pitch: float, seconds: float, brightness: float) -> Samples:
    times = times_of(seconds + 1.2)
    base = frequency(pitch)
    index = (0.5 + 1.5 * brightness) * np.exp(-times / 0.5)
    tone = np.sin(2 * np.pi * base * times + index * np.sin(2 * np.pi * 3.5 * base * times))
    fade = np.minimum(1.0, (times[-1] - times) / 0.2)
    return finished(tone * np.exp(-times / 0.8) * fade)


INSTRUMENTS: Mapping[str, Instrument] = {
    "piano": _piano,
    "pluck": _pluck,
    "pad": _pad,
    "strings": _strings,
    "flute": _flute,
    "lead": _lead,
    "voice": voice,
    "shout": shout,
    "brass": _brass,
    "guitar": _guitar,
    "bass": _bass,
    "bell": _bell,
}
