"""Drums of swept sines and shaped noise."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from moodcue_mer_indexer.composer.synthesis import Samples, finished, times_of


def _noise(seconds: float, *, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, times_of(seconds).size)


def _kick(brightness: float) -> Samples:
    times = times_of(0.35)
    sweep = 46 * times + (110 * 0.045) * (1 - np.exp(-times / 0.045))
    body = np.sin(2 * np.pi * sweep) * np.exp(-times / 0.11)
    click = _noise(0.35, seed=1) * np.exp(-times / 0.003) * 0.5 * brightness
    return finished(np.tanh(1.6 * (body + click)))


def _snare(brightness: float) -> Samples:
    times = times_of(0.25)
    rattle = np.diff(_noise(0.25, seed=2), prepend=0.0) * np.exp(-times / 0.07)
    body = np.sin(2 * np.pi * 190 * times) * np.exp(-times / 0.05)
    return finished(rattle * (0.3 + 0.5 * brightness) + 0.6 * body)


def _hat(brightness: float) -> Samples:
    times = times_of(0.09)
    bright = np.diff(_noise(0.09, seed=3), n=2, prepend=[0.0, 0.0])
    return finished(bright * np.exp(-times / 0.02) * (0.1 + 0.2 * brightness))


def _crash(brightness: float) -> Samples:
    times = times_of(1.8)
    bright = np.diff(_noise(1.8, seed=4), prepend=0.0)
    fade = np.minimum(1.0, (times[-1] - times) / 0.3)
    return finished(bright * np.exp(-times / 0.5) * fade * (0.2 + 0.3 * brightness))


def _clap(brightness: float) -> Samples:
    times = times_of(0.2)
    bursts = np.zeros_like(times)
    for delay in (0.0, 0.011, 0.023):
        bursts += np.exp(-np.maximum(times - delay, 0) / 0.012) * (times >= delay)
    tail = np.exp(-times / 0.06)
    noise = np.diff(_noise(0.2, seed=5), prepend=0.0)
    return finished(noise * (0.5 * bursts + 0.3 * tail) * (0.3 + 0.4 * brightness))


def _shaker(brightness: float) -> Samples:
    times = times_of(0.12)
    swell = np.minimum(times / 0.03, 1) * np.exp(-times / 0.03)
    return finished(np.diff(_noise(0.12, seed=6), prepend=0.0) * swell * (0.2 + 0.2 * brightness))


def _tom(brightness: float) -> Samples:
    times = times_of(0.4)
    sweep = 80 * times + 60 * 0.06 * (1 - np.exp(-times / 0.06))
    return finished(np.sin(2 * np.pi * sweep) * np.exp(-times / 0.14) * (0.7 + 0.3 * brightness))


DRUMS: Mapping[str, Callable[[float], Samples]] = {
    "kick": _kick,
    "snare": _snare,
    "hat": _hat,
    "crash": _crash,
    "tom": _tom,
    "clap": _clap,
    "shaker": _shaker,
}
