"""A melody of phrases that grow from one motif."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moodcue_mer_indexer.composer.plan import MODES, Plan
from moodcue_mer_indexer.composer.theory import nearest_of_classes, scale_note

_EIGHTHS = 8
_STRONG = (0, 4)
_RANGE = 9


@dataclass(frozen=True, kw_only=True)
class MelodyNote:
    """A note within a phrase.

    Attributes:
        eighth: Start, in eighths from the beginning of the phrase.
        eighths: Time until the next note.
        pitch: MIDI note.
        strong: Whether it falls on a strong beat.
    """

    eighth: int
    eighths: int
    pitch: int
    strong: bool


@dataclass(frozen=True, kw_only=True)
class Motif:
    """A bar's rhythm and its contour.

    Attributes:
        onsets: Eighths on which a note starts, the first of them 0.
        steps: Scale steps from each note to the next, as many as onsets.
    """

    onsets: tuple[int, ...]
    steps: tuple[int, ...]


def make_motif(plan: Plan, *, generator: np.random.Generator) -> Motif:
    """Return a motif as dense as the plan says, moving mostly by step.

    Pleasant music rises more often than it falls, sad music sighs downwards.
    """
    count = max(2, round(plan.density * _EIGHTHS))
    preference = np.array([0.0, 0.6, 1.4, 0.8, 2.0, 0.7, 1.4, 0.8])
    others = generator.choice(
        _EIGHTHS, size=count - 1, replace=False, p=preference / preference.sum()
    )
    upward = float(np.clip(0.5 + 0.2 * plan.valence, 0.25, 0.75))
    sizes = generator.choice([0, 1, 1, 1, 2, 3], size=count)
    signs = np.where(generator.random(count) < upward, 1, -1)
    return Motif(
        onsets=(0, *sorted(int(o) for o in others)),
        steps=tuple(int(s) for s in sizes * signs),
    )


def compose_phrase(
    motif: Motif,
    *,
    chords: Sequence[Sequence[int]],
    plan: Plan,
    close: bool,
    generator: np.random.Generator,
) -> list[MelodyNote]:
    """Return a phrase of one bar per chord: statement, sequence, variation, cadence.

    Args:
        motif: That the phrase grows from.
        chords: Pitch classes of each bar's chord.
        plan: Of the piece.
        close: End on the tonic; otherwise on a note of the last chord.
        generator: Decides the variation.
    """
    notes: list[MelodyNote] = []
    pitch = plan.melody_centre + generator.uniform(-2, 2)
    for bar, classes in enumerate(chords):
        last = bar == len(chords) - 1
        shape = _vary(motif, generator=generator) if bar == len(chords) - 2 else motif
        onsets = shape.onsets[:2] if last else shape.onsets
        ends = (*onsets[1:], _EIGHTHS)
        for onset, end, step in zip(onsets, ends, shape.steps, strict=False):
            pitch = _place(pitch, classes=classes, plan=plan, strong=onset in _STRONG)
            notes.append(
                MelodyNote(
                    eighth=bar * _EIGHTHS + onset,
                    eighths=end - onset,
                    pitch=int(pitch),
                    strong=onset in _STRONG,
                )
            )
            pitch = _stay_near(_step(int(pitch), step, plan=plan), centre=plan.melody_centre)
    final = notes[-1]
    ending = (plan.tonic % 12,) if close else chords[-1]
    notes[-1] = MelodyNote(
        eighth=final.eighth,
        eighths=final.eighths,
        pitch=nearest_of_classes(final.pitch, ending),
        strong=True,
    )
    return notes


def _vary(motif: Motif, *, generator: np.random.Generator) -> Motif:
    """Return the motif with its contour turned upside down or shuffled."""
    if generator.random() < 0.5:  # noqa: PLR2004 - a fair coin
        return Motif(onsets=motif.onsets, steps=tuple(-step for step in motif.steps))
    order = generator.permutation(len(motif.steps))
    return Motif(onsets=motif.onsets, steps=tuple(motif.steps[i] for i in order))


def _place(pitch: float, *, classes: Sequence[int], plan: Plan, strong: bool) -> int:
    scale = [scale_note(i, tonic=plan.tonic, mode=plan.mode) % 12 for i in range(7)]
    return nearest_of_classes(pitch, classes if strong else scale)


def _step(pitch: int, step: int, *, plan: Plan) -> int:
    """Return the note a number of scale steps away."""
    steps = MODES[plan.mode]
    octave, within = divmod(pitch - plan.tonic, 12)
    degree = min(range(len(steps)), key=lambda i: abs(steps[i] - within))
    return scale_note(octave * len(steps) + degree + step, tonic=plan.tonic, mode=plan.mode)


def _stay_near(pitch: float, *, centre: float) -> float:
    if pitch > centre + _RANGE:
        return pitch - 12
    if pitch < centre - _RANGE:
        return pitch + 12
    return pitch
