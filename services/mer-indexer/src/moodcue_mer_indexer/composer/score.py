"""From a plan to the notes of a piece: form, chords, melody, accompaniment, bass and drums."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moodcue_mer_indexer.composer.melody import compose_phrase, make_motif
from moodcue_mer_indexer.composer.patterns import ENSEMBLES, Ensemble
from moodcue_mer_indexer.composer.plan import Plan, Style
from moodcue_mer_indexer.composer.theory import chord_classes, lead_voices, scale_note

_PHRASE_BARS = 4
_DOMINANT = 4


@dataclass(frozen=True, kw_only=True)
class Note:
    """One sound of a piece.

    Attributes:
        start: Seconds from the beginning.
        seconds: Until it is let go.
        pitch: MIDI note; 0 for drums.
        velocity: Loudness, above 0 and up to 2; the master brings the sum to its level.
        instrument: Key of `INSTRUMENTS` or `DRUMS`.
        pan: -1 (left) to 1 (right).
    """

    start: float
    seconds: float
    pitch: int
    velocity: float
    instrument: str
    pan: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar's harmony and place in the form.

    Attributes:
        index: From 0.
        root: MIDI note of the chord's root in the octave of the tonic.
        voicing: Rising MIDI notes of the chord.
        classes: Its pitch classes.
        section: Letter of the phrase: ``I`` for introduction, ``A``, ``B``.
        last: Whether it ends the piece.
    """

    index: int
    root: int
    voicing: tuple[int, ...]
    classes: tuple[int, ...]
    section: str
    last: bool


def form(bars: int) -> str:
    """Return the letter of every phrase of four bars: an introduction, then A and B in turn."""
    phrases = bars // _PHRASE_BARS
    return ("I" + "AABA" * phrases)[:phrases]


def compose_score(plan: Plan, *, generator: np.random.Generator) -> list[Note]:
    """Return all notes of a piece in order of time."""
    ensemble = ENSEMBLES[plan.style]
    bars = _harmonise(plan)
    notes = [
        *_melody(plan, bars, ensemble=ensemble, generator=generator),
        *(note for bar in bars for note in _accompany(plan, bar, ensemble=ensemble)),
        *(note for bar in bars for note in _bass(plan, bar, ensemble=ensemble)),
        *(note for bar in bars for note in _drums(plan, bar, ensemble=ensemble)),
    ]
    return sorted(
        (_humanise(note, generator=generator) for note in notes),
        key=lambda note: (note.start, note.instrument, note.pitch),
    )


def _harmonise(plan: Plan) -> list[Bar]:
    sections = form(plan.bars)
    size = 4 if plan.style is Style.MEADOW else 3
    voicing: tuple[int, ...] = ()
    bars = []
    for index in range(plan.bars):
        section = sections[index // _PHRASE_BARS]
        last = index == plan.bars - 1
        degrees = plan.contrast if section == "B" else plan.progression
        degree = 0 if last else degrees[index % _PHRASE_BARS]
        sharpened = degree == _DOMINANT and plan.mode in {"aeolian", "dorian"}
        classes = chord_classes(
            degree, tonic=plan.tonic, mode=plan.mode, size=size, dominant=sharpened
        )
        voicing = lead_voices(classes, previous=voicing, centre=plan.melody_centre - 10)
        root = scale_note(degree, tonic=plan.tonic, mode=plan.mode)
        bars.append(
            Bar(
                index=index,
                root=root - 12 if root > plan.tonic + 6 else root,
                voicing=voicing,
                classes=classes,
                section=section,
                last=last,
            )
        )
    return bars


def _melody(
    plan: Plan, bars: Sequence[Bar], *, ensemble: Ensemble, generator: np.random.Generator
) -> Iterator[Note]:
    motifs = {letter: make_motif(plan, generator=generator) for letter in "AB"}
    eighth = plan.beat_seconds / 2
    for first in range(0, len(bars), _PHRASE_BARS):
        phrase = bars[first : first + _PHRASE_BARS]
        if phrase[0].section == "I":
            continue
        melody = compose_phrase(
            motifs[phrase[0].section],
            chords=[bar.classes for bar in phrase],
            plan=plan,
            close=phrase[-1].last,
            generator=generator,
        )
        instrument = ensemble.second_lead if phrase[0].section == "B" else ensemble.lead
        for note in melody:
            yield Note(
                start=first * plan.bar_seconds + note.eighth * eighth,
                seconds=note.eighths * eighth * plan.articulation,
                pitch=note.pitch,
                velocity=ensemble.lead_level * (1.0 if note.strong else 0.82),
                instrument=instrument,
                pan=0.1,
            )


def _accompany(plan: Plan, bar: Bar, *, ensemble: Ensemble) -> Iterator[Note]:
    eighth = plan.beat_seconds / 2
    start = bar.index * plan.bar_seconds
    for layer in ensemble.layers:
        hits = ((0, 8, -1),) if bar.last else layer.hits
        for onset, length, voice in hits:
            pitches = bar.voicing if voice < 0 else (bar.voicing[voice % len(bar.voicing)],)
            octave = 12 * (voice // len(bar.voicing)) if voice >= 0 else 0
            if layer.power:
                pitches = (bar.root - 12 if bar.root > layer.highest_power else bar.root,)
            for order, pitch in enumerate(pitches):
                yield Note(
                    start=start + onset * eighth + order * layer.strum_seconds,
                    seconds=length * eighth * (plan.articulation if layer.detached else 1.0),
                    pitch=pitch + octave + layer.transpose,
                    velocity=layer.level * (1.0 if onset % 4 == 0 else 0.85),
                    instrument=layer.instrument,
                    pan=layer.pan,
                )


def _bass(plan: Plan, bar: Bar, *, ensemble: Ensemble) -> Iterator[Note]:
    eighth = plan.beat_seconds / 2
    hits = ((0, 8, 0),) if bar.last else ensemble.bass
    for onset, length, interval in hits:
        yield Note(
            start=bar.index * plan.bar_seconds + onset * eighth,
            seconds=length * eighth * plan.articulation,
            pitch=bar.root - 12 + interval,
            velocity=ensemble.bass_level,
            instrument="bass",
        )


def _drums(plan: Plan, bar: Bar, *, ensemble: Ensemble) -> Iterator[Note]:
    start = bar.index * plan.bar_seconds
    sixteenth = plan.beat_seconds / 4
    if not ensemble.drums:
        return
    if bar.last or (bar.index % (2 * _PHRASE_BARS) == 0 and bar.index > 0):
        yield Note(
            start=start,
            seconds=1.0,
            pitch=0,
            velocity=0.5 * ensemble.drum_level,
            instrument="crash",
            pan=0.3,
        )
    if bar.last:
        return
    fill = bar.index % _PHRASE_BARS == _PHRASE_BARS - 1
    for instrument, pattern in (ensemble.fill if fill else ensemble.drums).items():
        for step, level in enumerate(pattern):
            if level != ".":
                yield Note(
                    start=start + step * sixteenth,
                    seconds=0.1,
                    pitch=0,
                    velocity=ensemble.drum_level * int(level) / 9 * (1.0 + 0.6 * plan.arousal),
                    instrument=instrument,
                    pan={"hat": -0.35, "tom": 0.25}.get(instrument, 0.0),
                )


def _humanise(note: Note, *, generator: np.random.Generator) -> Note:
    """Return the note a few milliseconds and a few percent off, as players are."""
    return Note(
        start=max(0.0, note.start + float(generator.normal(0, 0.004))),
        seconds=note.seconds,
        pitch=note.pitch,
        velocity=float(np.clip(note.velocity * generator.normal(1, 0.05), 0.05, 2.0)),
        instrument=note.instrument,
        pan=note.pan,
    )
