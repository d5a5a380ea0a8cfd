"""Names that other data sets give to the seven emotions, and their place in our order."""

from typing import Final

from moodcue.moods import EMOTION_WORDS
from moodcue.taxonomy import EMOTIONS

LABEL_WORDS: Final = {**EMOTION_WORDS, "joy": "happiness", "neutrality": "neutral"}
"""Usual spellings in folders and label files, in lower case."""


def label_index(name: str) -> int | None:
    """Return the place of an emotion's name in `EMOTIONS`, None if it is none of the seven."""
    emotion = LABEL_WORDS.get(name.strip().lower())
    return None if emotion is None else EMOTIONS.index(emotion)
