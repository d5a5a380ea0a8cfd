"""Moodcue's contract and the subscriber's client."""

from moodcue.client import Subscription, subscribe
from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS, Emotion

__all__ = ["EMOTIONS", "Emotion", "MoodcueError", "Subscription", "subscribe"]
__version__ = "0.1.0"
