"""A library on the valence-arousal plane, drawn as SVG, which browsers and documents show."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np

from moodcue.errors import MoodcueError
from moodcue.songs import SongTable
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.balance import Balance, quadrants_of
from moodcue_mer_indexer.moods import quadrant_name

_SIDE: Final = 640  # of the plane, in pixels like all that follows
_LEFT, _TOP = 64, 112
_WIDTH, _HEIGHT = _LEFT + _SIDE + 32, _TOP + _SIDE + 112
_DOTS_AT_MOST: Final = 3000
"""More songs than this are drawn as a grid of densities: a picture of a million dots helps none."""
_CELLS: Final = 40
_FEW_HOURS: Final = 3
"""Fewer are told in minutes."""

_COLOURS: Final = ("#b7791f", "#c0392b", "#2f5fa8", "#2b8a5b")
_TINTS: Final = ("#fdf6e3", "#fdeeec", "#edf3fb", "#ebf7f0")
_INK, _GREY, _LINE = "#1f2933", "#616e7c", "#cbd2d9"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


class PictureError(MoodcueError):
    """A picture that cannot be written."""


def draw_library(songs: SongTable, balance: Balance) -> str:
    """Return the picture of a library, an SVG document.

    Every song is a dot in the colour of its quadrant, the fainter the less sure; one that is
    pointed at shows its name. Of more than 3,000 songs squares show how many lie where.

    Args:
        songs: The library.
        balance: Its figures.
    """
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="{_FONT}" role="img" '
        f'aria-label="{balance.songs} songs on the plane of valence and arousal">'
    )
    parts = [
        opening,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_heading(balance),
        *_plane(),
        *(_dots(songs) if len(songs) <= _DOTS_AT_MOST else _density(songs)),
        *_corners(balance),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def write_picture(file: Path, picture: str) -> None:
    """Write an SVG document.

    Raises:
        PictureError: The file is called otherwise, or cannot be written.
    """
    if file.suffix.lower() != ".svg":
        raise PictureError(f"{file}: pictures are SVG; name it {file.with_suffix('.svg').name}")
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise PictureError(f"{file} cannot be written ({error.strerror}); name another") from error


def _x(valence: float) -> float:
    return round(_LEFT + (valence + 1) / 2 * _SIDE, 1)


def _y(arousal: float) -> float:
    return round(_TOP + (1 - arousal) / 2 * _SIDE, 1)


def _text(
    x: float, y: float, text: str, *, size: int = 13, fill: str = _INK, more: str = ""
) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" {more}>{escape(text)}</text>'


def _heading(balance: Balance) -> Iterator[str]:
    hours = f"{balance.hours:,.0f} hours"
    if balance.hours < _FEW_HOURS:
        hours = f"{balance.hours * 60:.0f} minutes"
    yield _text(_LEFT, 38, "What this library expresses", size=21, more='font-weight="600"')
    facts = f"{balance.songs:,} songs, {hours}, {balance.artists:,} artists"
    yield _text(_LEFT, 62, facts, size=14, fill=_GREY)


def _plane() -> Iterator[str]:
    half = _SIDE / 2
    corners = ((half, 0), (0, 0), (0, half), (half, half))
    for tint, (x, y) in zip(_TINTS, corners, strict=True):
        yield (
            f'<rect x="{_LEFT + x}" y="{_TOP + y}" width="{half}" height="{half}" fill="{tint}"/>'
        )
    for value in (-1, -0.5, 0, 0.5, 1):
        width = 1.5 if value == 0 else 0.5
        style = f'stroke="{_LINE}" stroke-width="{width}"'
        yield f'<path d="M{_x(value)} {_y(-1)}V{_y(1)}M{_x(-1)} {_y(value)}H{_x(1)}" {style}/>'
        label = f"{value:g}".replace("-", "\N{MINUS SIGN}")
        yield _text(_x(value), _y(-1) + 20, label, size=12, fill=_GREY, more='text-anchor="middle"')
        yield _text(
            _x(-1) - 10, _y(value) + 4, label, size=12, fill=_GREY, more='text-anchor="end"'
        )
    middle = 'text-anchor="middle"'
    yield _text(_x(0), _y(-1) + 74, "valence: unpleasant to pleasant", more=middle)
    turned = f'{middle} transform="rotate(-90 20 {_y(0)})"'
    yield _text(20, _y(0), "arousal: calm to energetic", more=turned)


def _dots(songs: SongTable) -> Iterator[str]:
    for place, (song, quadrant) in enumerate(zip(songs, quadrants_of(songs), strict=True)):
        sure = 1 - float(songs.uncertainty[place])
        yield (
            f'<circle cx="{_x(song.valence)}" cy="{_y(song.arousal)}" r="6" '
            f'fill="{_COLOURS[quadrant]}" fill-opacity="{0.2 + 0.6 * sure:.2f}" '
            f'stroke="#ffffff" stroke-width="1"><title>{_title(song.artist, song.title)}'
            "</title></circle>"
        )
    yield _text(
        _LEFT,
        _HEIGHT - 14,
        "One dot is one song; the fainter, the less sure.",
        size=12,
        fill=_GREY,
    )


def _title(artist: str, title: str) -> str:
    # Control characters have no place in XML, however they are written.
    text = "".join(letter for letter in f"{artist} - {title}" if letter.isprintable())
    return escape(text)


def _density(songs: SongTable) -> Iterator[str]:
    edges = np.linspace(-1, 1, _CELLS + 1)
    counts, _, _ = np.histogram2d(songs.valence, songs.arousal, bins=(edges, edges))
    side = _SIDE / _CELLS
    for column, (left, right) in enumerate(pairwise(edges)):
        for row, (low, high) in enumerate(pairwise(edges)):
            count = int(counts[column, row])
            if count == 0:
                continue
            pleasant, lively = left + right > 0, low + high > 0
            quadrant = (0 if pleasant else 1) if lively else (3 if pleasant else 2)
            # The root, so that a cell with a hundredth of the most songs is still seen.
            opacity = 0.08 + 0.92 * (count / counts.max()) ** 0.5
            yield (
                f'<rect x="{_x(left)}" y="{_y(high)}" width="{side}" height="{side}" '
                f'fill="{_COLOURS[quadrant]}" fill-opacity="{opacity:.2f}">'
                f"<title>{count:,} songs</title></rect>"
            )
    note = f"The fuller a square, the more songs in it; at most {int(counts.max()):,}."
    yield _text(_LEFT, _HEIGHT - 14, note, size=12, fill=_GREY)


def _corners(balance: Balance) -> Iterator[str]:
    """Yield the names of the quadrants and their counts, beside their corners of the plane."""
    above, below = _y(1) - 14, _y(-1) + 46
    places = ((_x(1), above), (_x(-1), above), (_x(-1), below), (_x(1), below))
    for number, (x, y) in enumerate(places):
        name = quadrant_name(QUADRANTS[number]).capitalize()
        count = balance.quadrants[number]
        anchor = "end" if x == _x(1) else "start"
        yield (
            f'<text x="{x}" y="{y}" font-size="14" fill="{_COLOURS[number]}" '
            f'text-anchor="{anchor}"><tspan font-weight="600">{name}</tspan>'
            f"  {count:,} songs, {count / balance.songs:.0%}</text>"
        )
