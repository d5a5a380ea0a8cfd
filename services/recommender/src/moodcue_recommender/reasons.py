"""Why a song was chosen, and what would change the answer, in sentences for people."""

import math
from collections.abc import Mapping, Sequence

from moodcue.events import LeastChange
from moodcue.taxonomy import EMOTIONS, Emotion, quadrant_of
from moodcue_recommender.rules import Rule
from moodcue_recommender.vectors import Point, target_of

_CLOSE_SCORE = 0.7
_FAIR_SCORE = 0.4
_MENTIONED_SHARE = 0.1
_NOUNS = {Emotion.NEUTRAL.value: "a neutral face"}
_MUSIC = {"Q1": "cheerful", "Q2": "tense", "Q3": "sad", "Q4": "calm"}
_MOVES = {
    Rule.MEMORY: "songs that fit better came not long ago",
    Rule.OFTEN: "songs that fit better have come too often",
    Rule.ARTIST: "songs that fit better are by artists who are here already",
    Rule.VARIETY: "songs that fit better sound like others that are here",
    Rule.FOLLOWS: "it is first because it begins as the song before it ends",
    Rule.TASTE: "feedback speaks for it rather than for songs that fit better",
}
_HALVINGS = 8


def reason_for(
    *,
    score: float,
    shares: Mapping[str, float],
    song: Point,
    target: Point,
    moved_by: Rule | None = None,
    repeated: bool = False,
) -> str:
    """Explain a choice.

    Args:
        score: inner product of what was asked for and the song, -1 to 1.
        shares: each emotion's share of the score; empty where a point was asked for.
        song: where it lies on the plane.
        target: where songs were looked for.
        moved_by: the rule that moved it, if one did.
        repeated: whether it was recommended not long ago.
    """
    clauses = [f"{_strength(score)}: {music_at(song)} music{_what_for(score, shares, target)}"]
    if moved_by is not None:
        clauses.append(_MOVES[moved_by])
    if repeated:
        clauses.append("it comes again because too little else fits")
    return "; ".join(clauses) + "."


def music_at(point: Point) -> str:
    """Say in a word what music lies at a point of the plane."""
    return _MUSIC[_quadrant(point)]


def _quadrant(point: Point) -> str:
    return quadrant_of(valence=point[0], arousal=point[1])


def least_change(probabilities: Sequence[float]) -> LeastChange:
    """Find which small change of the mood would turn the songs to another quarter of the plane.

    Args:
        probabilities: seven, in the order of `EMOTIONS`, that are not all zero.

    Returns:
        Of all changes in which one emotion rises at the cost of all others, the least one.
    """
    total = sum(probabilities)
    shares = [p / total for p in probabilities]
    turns = [
        (rise, rival)
        for rival in range(len(shares))
        if (rise := _least_rise(shares, rival)) is not None
    ]
    rise, rival = min(turns)
    return LeastChange(
        emotion=EMOTIONS[rival],
        share=shares[rival],
        rises_to=min(1.0, shares[rival] + rise),
        quadrant=_quadrant(target_of(shares)),
        next_quadrant=_quadrant(target_of(_risen(shares, rival, rise))),
    )


def what_would_change(change: LeastChange) -> str:
    """Say which small change of the mood would turn the songs."""
    return (
        f"With {_NOUNS.get(change.emotion, change.emotion)} at "
        f"{math.ceil(100 * change.rises_to)}% instead of {math.floor(100 * change.share)}%, "
        "at the cost of all else, the songs would be "
        f"{_MUSIC[change.next_quadrant]} ones instead of {_MUSIC[change.quadrant]} ones."
    )


def _least_rise(shares: list[float], rival: int) -> float | None:
    """Return by how much an emotion must rise; none if even alone it asks for the same songs."""
    here = music_at(target_of(shares))

    def turns(rise: float) -> bool:
        return music_at(target_of(_risen(shares, rival, rise))) != here

    low, high = 0.0, 1 - shares[rival]
    if not turns(high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if turns(middle) else (middle, high)
    return high


def _risen(shares: list[float], rival: int, rise: float) -> list[float]:
    rest = 1 - shares[rival]
    left = max(0.0, 1 - rise / rest) if rest > 0 else 1.0
    return [p + rise if i == rival else p * left for i, p in enumerate(shares)]


def _what_for(score: float, shares: Mapping[str, float], target: Point) -> str:
    if score <= 0:
        return ", as nothing nearer is left"
    if not shares:
        return f" where {music_at(target)} music was asked for"
    shared = sorted(((share, name) for name, share in shares.items() if share > 0), reverse=True)
    total = sum(share for share, _ in shared)
    named = [(_NOUNS.get(name, name), share / total) for share, name in shared[:2]]
    (first, most), (second, less) = named[0], named[-1]
    if len(named) == 1 or less < _MENTIONED_SHARE:
        return f" for {first} ({most:.0%} of the fit)"
    return f" for {first} ({most:.0%} of the fit) and {second} ({less:.0%})"


def _strength(score: float) -> str:
    if score >= _CLOSE_SCORE:
        return "A close match"
    return "A fair match" if score >= _FAIR_SCORE else "The nearest there is"
