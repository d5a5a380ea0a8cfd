"""Names that other data sets give to the seven emotions, and their place in our order."""

from typing import Final

from moodcue.taxonomy import EMOTIONS

SYNONYMS: Final = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "neutrality": "neutral",
}
"""Usual other spellings in folders and label files, in lower case."""


def label_index(name: str) -> int | None:
    """Return the place of an emotion's name in `EMOTIONS`, None if it is none of the seven."""
    lowered = name.strip().lower()
    canonical = SYNONYMS.get(lowered, lowered)
    return EMOTIONS.index(canonical) if canonical in EMOTIONS else None
