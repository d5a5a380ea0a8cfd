"""Why a song was chosen, in one sentence for people."""

from collections.abc import Mapping

from moodcue.taxonomy import Emotion

_CLOSE_SCORE = 0.9
_FAIR_SCORE = 0.6
_MENTIONED_SHARE = 0.1
_NOUNS = {Emotion.NEUTRAL.value: "neutrality"}


def reason_for(contributions: Mapping[str, float], *, repeated: bool = False) -> str:
    """Explain a match.

    Args:
        contributions: each emotion's share of the cosine similarity.
        repeated: whether the song was recommended not long ago.
    """
    ending = ", and comes again because the library has nothing new left." if repeated else "."
    shared = sorted(((c, name) for name, c in contributions.items() if c > 0), reverse=True)
    if not shared:
        return f"It shares none of the emotions, but nothing nearer is left{ending}"
    total = sum(share for share, _ in shared)
    named = [(_NOUNS.get(name, name), share / total) for share, name in shared[:2]]
    (first, most), (second, less) = named[0], named[-1]
    strength = _strength(sum(contributions.values()))
    if len(named) == 1 or less < _MENTIONED_SHARE:
        return f"{strength}: it shares {first} above all ({most:.0%} of the likeness){ending}"
    both = f"{first} ({most:.0%} of the likeness) and {second} ({less:.0%})"
    return f"{strength}: it shares {both}{ending}"


def _strength(score: float) -> str:
    if score >= _CLOSE_SCORE:
        return "A close match"
    return "A fair match" if score >= _FAIR_SCORE else "The nearest there is"
