"""What comes with an extra of the package, and what to say where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from moodcue.errors import MoodcueError


@contextmanager
def training_extra() -> Iterator[None]:
    """Import inside what needs the extra `train`.

    Raises:
        MoodcueError: The extra is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MoodcueError(f"{error.name} is missing: pip install 'moodcue-fer[train]'") from error
