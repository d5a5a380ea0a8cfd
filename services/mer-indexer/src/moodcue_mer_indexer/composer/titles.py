"""Invented titles and artists."""

from dataclasses import dataclass

import numpy as np

from moodcue_mer_indexer.composer.plan import Style

ALBUM = "Moodcue Demo Library"


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What a player shows for a piece."""

    title: str
    artist: str


_ARTISTS: dict[Style, tuple[str, ...]] = {
    Style.DANCE: ("The Paper Lanterns", "Sunday Bicycle", "Lemon Parade"),
    Style.STORM: ("Iron Weather", "Basalt Choir", "Static Wolves"),
    Style.LAMENT: ("Elin Marsh", "The Grey Harbour", "November Letters"),
    Style.MEADOW: ("Quiet Orchard", "Mira Vale", "Lowland Drift"),
}
_FIRST: dict[Style, tuple[str, ...]] = {
    Style.DANCE: ("Golden", "Skipping", "Bright", "Rooftop", "Running", "Carnival", "Open"),
    Style.STORM: ("Burning", "Broken", "Black", "Falling", "Hollow", "Racing", "Splintered"),
    Style.LAMENT: ("Empty", "Fading", "Winter", "Last", "Distant", "Unsent", "Pale"),
    Style.MEADOW: ("Slow", "Soft", "Early", "Resting", "Floating", "Warm", "Still"),
}
_SECOND: dict[Style, tuple[str, ...]] = {
    Style.DANCE: ("Avenue", "Summer", "Marching Band", "Confetti", "Holiday", "Morning", "Fair"),
    Style.STORM: ("Engines", "Alarm", "Tide", "Signal", "Thunder", "Tower", "Machine"),
    Style.LAMENT: ("Platform", "Rain", "Letter", "Window", "Harbour", "Room", "Garden"),
    Style.MEADOW: ("River", "Light", "Hammock", "Clouds", "Meadow", "Shore", "Afternoon"),
}


def make_credits(style: Style, *, count: int, generator: np.random.Generator) -> list[Credit]:
    """Return credits with different titles, up to 49 per style.

    Raises:
        ValueError: More are wanted than there are titles.
    """
    titles = [f"{first} {second}" for first in _FIRST[style] for second in _SECOND[style]]
    if count > len(titles):
        raise ValueError(f"{count} titles wanted; at most {len(titles)} per style can be made")
    chosen = generator.permutation(len(titles))[:count]
    artists = _ARTISTS[style]
    return [
        Credit(title=titles[index], artist=artists[order % len(artists)])
        for order, index in enumerate(chosen)
    ]
