"""From notes to a finished stereo recording."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from moodcue_mer_indexer.composer.drums import DRUMS
from moodcue_mer_indexer.composer.instruments import INSTRUMENTS
from moodcue_mer_indexer.composer.master import add_ambience, master
from moodcue_mer_indexer.composer.plan import Plan
from moodcue_mer_indexer.composer.score import Note
from moodcue_mer_indexer.composer.synthesis import SAMPLE_RATE, Samples

_TAIL_SECONDS = 2.5


def render(notes: Sequence[Note], *, plan: Plan) -> NDArray[np.float32]:
    """Return the piece as ``(samples, 2)`` within ±0.95, at `SAMPLE_RATE`."""
    length = int((plan.bars * plan.bar_seconds + _TAIL_SECONDS) * SAMPLE_RATE)
    dry = np.zeros((2, length), dtype=np.float32)
    cache: dict[tuple[str, int, int], Samples] = {}
    for note in notes:
        sound = _sound(note, brightness=plan.brightness, cache=cache)
        first = int(note.start * SAMPLE_RATE)
        fitting = sound[: length - first]
        # Equal power from left to right.
        angle = (note.pan + 1) * np.pi / 4
        for side, share in zip(dry, (np.cos(angle), np.sin(angle)), strict=True):
            side[first : first + fitting.size] += fitting * np.float32(share * note.velocity)
    wet = _reverberate(dry, share=plan.room)
    return master(add_ambience(wet, style=plan.style), plan=plan).T


def _sound(note: Note, *, brightness: float, cache: dict[tuple[str, int, int], Samples]) -> Samples:
    """Return the note's samples; equal notes sound equal, so they are made once."""
    milliseconds = max(30, round(note.seconds * 1000))
    key = (note.instrument, note.pitch, milliseconds)
    if key not in cache:
        if note.instrument in DRUMS:
            cache[key] = DRUMS[note.instrument](brightness)
        else:
            make = INSTRUMENTS[note.instrument]
            cache[key] = make(note.pitch, milliseconds / 1000, brightness)
    return cache[key]


def _reverberate(dry: NDArray[np.float32], *, share: float) -> NDArray[np.float32]:
    """Return the sound in a room: convolved with decaying noise, another for each ear."""
    times = np.arange(int(1.6 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(11).normal(size=(times.size, 2)).T * np.exp(-times / 0.35)
    noise[:, : int(0.012 * SAMPLE_RATE)] = 0.0
    # A room swallows the highs: a running mean over four samples.
    noise = np.stack([np.convolve(side, np.ones(4) / 4, mode="same") for side in noise])
    noise /= np.sqrt((noise**2).sum(axis=1, keepdims=True))
    wet = oaconvolve(dry, noise.astype(np.float32), axes=1)[:, : dry.shape[1]]
    return np.asarray((1 - share) * dry + share * wet, dtype=np.float32)
