"""From a target on the valence-arousal plane to the decisions that shape a piece.

The directions follow what studies of music and emotion agree on (Gabrielsson and Lindström 2010;
Eerola, Friberg and Bresin 2013): major and consonant for pleasant, minor and dissonant for
unpleasant; fast, loud, bright, detached and dense for energetic; slow, soft, dark, bound and
sparse for calm.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from moodcue.taxonomy import quadrant_of

MODES: dict[str, tuple[int, ...]] = {
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
"""Scale steps in semitones above the tonic, from the brightest mode to the darkest."""


class Style(StrEnum):
    """The ensemble, one per quadrant."""

    DANCE = "dance"
    STORM = "storm"
    LAMENT = "lament"
    MEADOW = "meadow"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the arranger and the instruments need to know.

    Attributes:
        valence: Target, -1 to 1.
        arousal: Target, -1 to 1.
        style: Ensemble.
        mode: Key of `MODES`.
        tonic: MIDI note of the tonic below middle C, 45 to 56.
        tempo: Beats per minute.
        bars: Length, a multiple of four.
        melody_centre: MIDI note around which the melody moves.
        density: Share of the eighths of a bar on which the melody has a note.
        articulation: Sounding share of a note's time; 1 is bound.
        brightness: 0 (dark) to 1 (bright) spectrum of the instruments.
        loudness_db: RMS level of the finished piece relative to full scale.
        room: Share of reverberation in the mix.
        progression: Scale degrees (0 is the tonic) of the chords of the main section.
        contrast: The same of the middle section.
    """

    valence: float
    arousal: float
    style: Style
    mode: str
    tonic: int
    tempo: float
    bars: int
    melody_centre: float
    density: float
    articulation: float
    brightness: float
    loudness_db: float
    room: float
    progression: tuple[int, ...]
    contrast: tuple[int, ...]

    @property
    def beat_seconds(self) -> float:
        """Length of a beat."""
        return 60.0 / self.tempo

    @property
    def bar_seconds(self) -> float:
        """Length of a bar of four beats."""
        return 4.0 * self.beat_seconds


_PROGRESSIONS: dict[Style, tuple[tuple[int, ...], ...]] = {
    Style.DANCE: ((0, 4, 5, 3), (0, 3, 4, 3), (0, 5, 3, 4), (3, 4, 0, 5), (0, 3, 0, 4)),
    Style.STORM: ((0, 0, 1, 0), (0, 5, 6, 0), (0, 1, 6, 0), (0, 3, 1, 0)),
    Style.LAMENT: ((0, 5, 3, 4), (0, 3, 0, 4), (0, 6, 5, 4), (0, 4, 5, 3), (0, 3, 6, 5)),
    Style.MEADOW: ((0, 3, 0, 4), (0, 2, 3, 0), (0, 5, 3, 0), (0, 3, 1, 4), (3, 0, 3, 4)),
}
_TARGET_SECONDS = 34.0


def make_plan(*, valence: float, arousal: float, generator: np.random.Generator) -> Plan:
    """Return the decisions for a piece; those that carry the emotion are not left to chance.

    Args:
        valence: Target, -1 to 1.
        arousal: Target, -1 to 1.
        generator: Chooses key, progressions and small deviations.
    """
    style = _style(valence=valence, arousal=arousal)
    energy = (arousal + 1) / 2
    tempo = float(np.interp(arousal, [-1, 0, 1], [54, 92, 164]) * generator.uniform(0.97, 1.03))
    bars = max(8, 4 * round(_TARGET_SECONDS / (4 * 60 / tempo) / 4))
    first, second = generator.choice(len(_PROGRESSIONS[style]), size=2, replace=False)
    tense = style is Style.STORM
    return Plan(
        valence=valence,
        arousal=arousal,
        style=style,
        mode=_mode(valence, tense=tense),
        tonic=int(generator.integers(45, 53)),
        tempo=tempo,
        bars=bars,
        melody_centre=67 + 5 * valence + 3 * arousal,
        density=float(np.interp(arousal, [-1, 1], [0.22, 0.7])),
        articulation=float(np.interp(arousal, [-1, 0, 1], [1.0, 0.95, 0.6])),
        brightness=float(np.clip(0.4 + 0.5 * energy + 0.05 * valence, 0.05, 1.0)),
        loudness_db=float(np.interp(arousal, [-1, 1], [-21.0, -10.0]) - 1.5 * valence * energy),
        room=float(np.interp(arousal, [-1, 1], [0.32, 0.08])),
        progression=_PROGRESSIONS[style][first],
        contrast=_PROGRESSIONS[style][second],
    )


def _style(*, valence: float, arousal: float) -> Style:
    styles = {"Q1": Style.DANCE, "Q2": Style.STORM, "Q3": Style.LAMENT, "Q4": Style.MEADOW}
    return styles[quadrant_of(valence=valence, arousal=arousal)]


def _mode(valence: float, *, tense: bool) -> str:
    """Return the mode: the darker, the less pleasant; tension takes the darkest."""
    if tense:
        return "phrygian" if valence < -0.5 else "aeolian"  # noqa: PLR2004 - half of the way
    names = ["aeolian", "dorian", "mixolydian", "ionian", "lydian"]
    edges = [-0.3, 0.0, 0.3, 0.85]
    return names[int(np.searchsorted(edges, valence))]
