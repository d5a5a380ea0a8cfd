"""Scales, chords and voice leading."""

from collections.abc import Sequence
from itertools import product

from moodcue_mer_indexer.composer.plan import MODES

_OCTAVE = 12


def frequency(pitch: float) -> float:
    """Return the frequency in Hz of a MIDI note (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / _OCTAVE))


def scale_note(degree: int, *, tonic: int, mode: str) -> int:
    """Return the MIDI note of a scale degree; 0 is the tonic, 7 an octave above, -1 below it."""
    steps = MODES[mode]
    octave, step = divmod(degree, len(steps))
    return tonic + _OCTAVE * octave + steps[step]


def chord_classes(
    degree: int, *, tonic: int, mode: str, size: int = 3, dominant: bool = False
) -> tuple[int, ...]:
    """Return the pitch classes of the chord of thirds on a scale degree.

    Args:
        degree: Scale degree of the root.
        tonic: MIDI note.
        mode: Key of `MODES`.
        size: 3 for a triad, 4 with the seventh.
        dominant: Make the third major, as harmonic minor does for its fifth degree.
    """
    notes = [scale_note(degree + 2 * i, tonic=tonic, mode=mode) for i in range(size)]
    if dominant:
        notes[1] = notes[0] + 4
    return tuple(note % _OCTAVE for note in notes)


def nearest_of_classes(pitch: float, classes: Sequence[int]) -> int:
    """Return the MIDI note nearest to a pitch whose class is among `classes`."""
    low = round(pitch) - _OCTAVE // 2
    candidates = [n for n in range(low, low + _OCTAVE + 1) if n % _OCTAVE in classes]
    return min(candidates, key=lambda note: (abs(note - pitch), note))


def lead_voices(
    classes: Sequence[int], *, previous: Sequence[int], centre: float
) -> tuple[int, ...]:
    """Return a voicing of a chord that moves least from the one before it.

    Args:
        classes: Pitch classes of the chord, each of which sounds.
        previous: Voicing before, rising; empty at the beginning.
        centre: MIDI note around which the voices stay.

    Returns:
        Rising MIDI notes without doublings.
    """
    low = round(centre) - _OCTAVE
    options = [
        [n for n in range(low, low + 2 * _OCTAVE) if n % _OCTAVE == wanted] for wanted in classes
    ]
    voicings = [tuple(sorted(notes)) for notes in product(*options)]

    def cost(voicing: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        spread = sum(abs(note - centre) for note in voicing)
        moved = sum(abs(note - before) for note, before in zip(voicing, previous, strict=False))
        wide = max(0, voicing[-1] - voicing[0] - 14)
        return moved + 0.3 * spread + 2 * wide, voicing

    return min(voicings, key=cost)
