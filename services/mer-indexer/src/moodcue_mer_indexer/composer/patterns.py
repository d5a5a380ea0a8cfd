"""Who plays in each style, and which patterns they play."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moodcue_mer_indexer.composer.plan import Style

Hit = tuple[int, int, int]
"""Start and length in eighths, and the voice of the chord counted from below (-1: all)."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One accompanying instrument.

    Attributes:
        instrument: Key of `INSTRUMENTS`.
        hits: What it plays in a bar.
        level: Loudness, 0 to 1.
        pan: -1 (left) to 1 (right).
        transpose: In semitones.
        strum_seconds: Delay from one voice of a chord to the next.
        detached: Whether the piece's articulation shortens its notes.
        power: Play the root alone, for an instrument that adds its own fifth.
        highest_power: Root above which `power` takes the octave below.
    """

    instrument: str
    hits: tuple[Hit, ...]
    level: float
    pan: float = 0.0
    transpose: int = 0
    strum_seconds: float = 0.0
    detached: bool = False
    power: bool = False
    highest_power: int = 48


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A style's instruments.

    Attributes:
        lead: Melody of the main section.
        second_lead: Melody of the middle section.
        lead_level: Loudness of the melody, 0 to 1.
        layers: Accompaniment.
        bass: Start and length in eighths, interval above the root in semitones.
        bass_level: Loudness of the bass, 0 to 1.
        drum_level: Loudness of the drums, 0 to 1.
        drums: Sixteen steps per drum: ``.`` or a level from 1 to 9.
        fill: The same for the last bar of a phrase.
    """

    lead: str
    second_lead: str
    lead_level: float
    layers: tuple[Layer, ...]
    bass: tuple[Hit, ...]
    bass_level: float
    drum_level: float = 1.0
    drums: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)


_HELD: tuple[Hit, ...] = ((0, 8, -1),)
_EIGHTHS: tuple[Hit, ...] = tuple((i, 1, -1) for i in range(8))
_OFFBEATS: tuple[Hit, ...] = ((1, 1, -1), (3, 1, -1), (5, 1, -1), (7, 1, -1))
_RISING: tuple[Hit, ...] = ((0, 3, 0), (1, 3, 1), (2, 3, 2), (3, 3, 3), (4, 3, 4), (6, 2, 2))
_ROCKING: tuple[Hit, ...] = ((0, 4, 0), (2, 3, 1), (4, 4, 2), (6, 2, 1))

ENSEMBLES: Mapping[Style, Ensemble] = {
    Style.DANCE: Ensemble(
        lead="voice",
        second_lead="lead",
        lead_level=0.6,
        layers=(
            Layer(instrument="brass", hits=_OFFBEATS, level=0.2, pan=-0.3, detached=True),
            Layer(
                instrument="guitar",
                hits=_EIGHTHS,
                level=0.2,
                pan=-0.5,
                power=True,
                detached=True,
                transpose=12,
            ),
            Layer(
                instrument="pluck",
                hits=((0, 1, -1), (3, 1, -1), (4, 1, -1), (6, 1, -1), (7, 1, -1)),
                level=0.4,
                pan=0.4,
                strum_seconds=0.008,
                transpose=12,
            ),
        ),
        bass=(
            (0, 1, 0),
            (1, 1, 12),
            (2, 1, 0),
            (3, 1, 7),
            (4, 1, 0),
            (5, 1, 12),
            (6, 1, 7),
            (7, 1, 12),
        ),
        bass_level=0.45,
        drums={
            "kick": "9...9...9...9..5",
            "snare": "....8..2....8..3",
            "clap": "....7.......7...",
            "hat": "6394639463946394",
            "shaker": "5353535353535353",
        },
        fill={"kick": "9...9...9...9...", "snare": "....8...4.6.8888", "hat": "63946394639....."},
    ),
    Style.STORM: Ensemble(
        lead="shout",
        second_lead="shout",
        lead_level=0.25,
        layers=(
            Layer(
                instrument="guitar", hits=_EIGHTHS, level=0.4, pan=-0.5, power=True, detached=True
            ),
            Layer(
                instrument="guitar",
                hits=((0, 2, -1), (2, 1, -1), (3, 1, -1), (4, 2, -1), (6, 1, -1), (7, 1, -1)),
                level=0.4,
                pan=0.5,
                power=True,
                detached=True,
            ),
        ),
        bass=tuple((i, 1, 1 if i == 7 else 0) for i in range(8)),  # noqa: PLR2004 - leading tone
        bass_level=0.5,
        drum_level=0.7,
        drums={
            "kick": "9.9.9.997.9.9.99",
            "snare": "....9.......9...",
            "hat": "8585858585858585",
            "crash": "6...4...6...4...",
        },
        fill={"kick": "9.9.9.999.9.9.99", "snare": "....9...99.99999", "tom": "........8.8..8.8"},
    ),
    Style.LAMENT: Ensemble(
        lead="voice",
        second_lead="voice",
        lead_level=0.6,
        layers=(
            Layer(instrument="piano", hits=_ROCKING, level=0.38, pan=-0.15),
            Layer(instrument="strings", hits=_HELD, level=0.12, pan=0.25, transpose=-12),
        ),
        bass=((0, 8, 0),),
        bass_level=0.22,
    ),
    Style.MEADOW: Ensemble(
        lead="flute",
        second_lead="bell",
        lead_level=0.3,
        layers=(
            Layer(instrument="pad", hits=_HELD, level=0.3, pan=-0.2),
            Layer(instrument="pluck", hits=_RISING, level=0.34, pan=0.3, transpose=12),
        ),
        bass=((0, 6, 0), (6, 2, 7)),
        bass_level=0.2,
    ),
}
