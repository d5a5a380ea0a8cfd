"""Which song of a music server is one of ours: by its path, else by title and artist."""

import re
from collections.abc import Iterable

from moodcue.events import SongMatch
from moodcue_gateway.subsonic.client import ServerSong

_NO_WORD = re.compile(r"[\W_]+")


def words_of(text: str) -> str:
    """Return the words of a text in lower case, without marks between them."""
    return " ".join(_NO_WORD.sub(" ", text.casefold()).split())


def queries_for(song: SongMatch) -> tuple[str, ...]:
    """Return what to search a song by, until it is found.

    Many servers want all words to be somewhere in the tags, some the query as it is in the title.
    """
    return words_of(f"{song.title} {song.artist}"), song.title


def best_match(song: SongMatch, found: Iterable[ServerSong]) -> ServerSong | None:
    """Return the server's song of the same path, else of the same title and artist."""
    by_tags = None
    for candidate in found:
        if _same_path(song.path, candidate.path):
            return candidate
        same = words_of(candidate.title) == words_of(song.title)
        if by_tags is None and same and words_of(candidate.artist) == words_of(song.artist):
            by_tags = candidate
    return by_tags


def _same_path(ours: str, theirs: str) -> bool:
    # The server's music folder may be one above or below ours.
    return bool(theirs) and (f"/{theirs}".endswith(f"/{ours}") or f"/{ours}".endswith(f"/{theirs}"))
