"""Topics of the bus.

A topic ends with a slash, because a subscription is a prefix: `recommendation/cam1` would also
match `recommendation/cam10`.
"""

import re
from enum import StrEnum

from moodcue.errors import ProtocolError

LONGEST_NAME = 64
"""Characters of a name that may stand in a topic."""


def name_pattern(longest: int = LONGEST_NAME) -> str:
    """Return the regular expression of a name of at most so many characters."""
    return rf"^[A-Za-z0-9][A-Za-z0-9_.-]{{0,{longest - 1}}}$"


_NAME = re.compile(name_pattern())


class Family(StrEnum):
    """First part of a topic, which decides how it is delivered."""

    FRAME = "frame"
    FACE_EMOTION = "face-emotion"
    EMOTION_WINDOW = "emotion-window"
    RECOMMENDATION = "recommendation"
    REQUEST = "request"
    TASTE = "taste"
    INDEX = "index"
    STATUS = "status"


LAST_VALUE_FAMILIES = frozenset(
    {Family.EMOTION_WINDOW, Family.RECOMMENDATION, Family.TASTE, Family.INDEX, Family.STATUS}
)
"""A late joiner gets the newest event of each topic of these at once."""

HISTORY_FAMILIES = frozenset({Family.FACE_EMOTION, Family.EMOTION_WINDOW, Family.RECOMMENDATION})
"""The broker keeps a bounded history of these for replay."""


def check_name(name: str) -> str:
    """Return a camera, service or instance name that may stand in a topic.

    Raises:
        ProtocolError: if it is empty, longer than `LONGEST_NAME`, or holds other characters than
            letters, digits, `_`, `.` and `-`.
    """
    if not _NAME.fullmatch(name):
        raise ProtocolError(
            f"{name!r} is no usable name; take 1 to {LONGEST_NAME} letters, digits, '_', '.' or '-'"
        )
    return name


def topic(family: Family, *names: str) -> str:
    """Build a topic: `topic(Family.FRAME, "kitchen")` is `frame/kitchen/`."""
    return "/".join([family.value, *(check_name(name) for name in names), ""])


def check_beginning(beginning: str) -> str:
    """Return what to subscribe to, such as `recommendation/` or `status/fer/`.

    Raises:
        ProtocolError: if no event on a topic that begins like that ever comes to a subscriber.
    """
    families = [f"{family}/" for family in Family if family is not Family.FRAME]
    if not any(beginning.startswith(one) or one.startswith(beginning) for one in families):
        raise ProtocolError(
            f"nothing to subscribe to begins with {beginning!r}; topics begin with "
            f"{', '.join(families)}"
        )
    return beginning


def family_of(topic_name: str) -> Family:
    """Return the family of a topic.

    Raises:
        ProtocolError: if the topic belongs to none.
    """
    head = topic_name.partition("/")[0]
    try:
        return Family(head)
    except ValueError:
        known = ", ".join(family.value for family in Family)
        raise ProtocolError(f"topic {topic_name!r} has no known family; known: {known}") from None
