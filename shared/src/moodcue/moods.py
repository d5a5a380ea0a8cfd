"""Mood words and what they ask for: an emotion, or a point of the valence-arousal plane.

The names of the seven emotions and words for the same mean that emotion alone. The other words
stand at points that we placed by hand in the region of Russell's circumplex (1980) where
listeners use them of music; no basic emotion lies in the calm, pleasant quarter.
"""

from collections.abc import Mapping
from types import MappingProxyType

from moodcue.errors import ProtocolError
from moodcue.taxonomy import EMOTIONS, Emotion, emotions_at, vector_from_mapping

EMOTION_WORDS: Mapping[str, Emotion] = MappingProxyType(
    {
        **{emotion.value: emotion for emotion in Emotion},
        "angry": Emotion.ANGER,
        "disgusted": Emotion.DISGUST,
        "afraid": Emotion.FEAR,
        "fearful": Emotion.FEAR,
        "scared": Emotion.FEAR,
        "happy": Emotion.HAPPINESS,
        "joyful": Emotion.HAPPINESS,
        "cheerful": Emotion.HAPPINESS,
        "sad": Emotion.SADNESS,
        "surprised": Emotion.SURPRISE,
    }
)
"""Words that mean one emotion and nothing else."""

POINT_WORDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "energetic": (0.5, 0.8),
        "excited": (0.7, 0.7),
        "tense": (-0.5, 0.7),
        "nervous": (-0.4, 0.6),
        "gloomy": (-0.7, -0.4),
        "melancholic": (-0.5, -0.5),
        "bored": (-0.4, -0.7),
        "tired": (0.0, -0.9),
        "sleepy": (0.1, -0.9),
        "calm": (0.6, -0.7),
        "relaxed": (0.7, -0.6),
        "peaceful": (0.8, -0.6),
        "content": (0.8, -0.4),
    }
)
"""Words that mean a point: valence and arousal, each -1 to 1."""


QUADRANT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Q1": ("happy", "energetic"),
        "Q2": ("tense", "angry"),
        "Q3": ("sad", "melancholic"),
        "Q4": ("calm", "content"),
    }
)
"""What a quadrant is called: the first word alone, or both."""


def seven_of_mood(word: str) -> tuple[float, ...]:
    """Return the seven probabilities, in the order of `EMOTIONS`, that a mood word asks for.

    Raises:
        ProtocolError: for an unknown word, naming the known ones.
    """
    mood = word.strip().lower()
    if mood in EMOTION_WORDS:
        return vector_from_mapping({EMOTION_WORDS[mood]: 1.0})
    if mood in POINT_WORDS:
        valence, arousal = POINT_WORDS[mood]
        return emotions_at(valence=valence, arousal=arousal)
    raise ProtocolError(f"unknown mood {word[:40]!r}; known: {', '.join(known_words())}")


def point_of_mood(word: str) -> tuple[float, float] | None:
    """Return the valence and arousal (-1..1) of a word that means a point; None for any other."""
    return POINT_WORDS.get(word.strip().lower())


def known_words() -> list[str]:
    """Return all mood words: the seven emotions first, then the rest by the alphabet."""
    others = (EMOTION_WORDS.keys() | POINT_WORDS.keys()) - set(EMOTIONS)
    return [*EMOTIONS, *sorted(others)]
