"""Title, artist, album and duration of an audio file."""

from dataclasses import dataclass
from pathlib import Path

import mutagen

__all__ = ["UNKNOWN_ARTIST", "SongTags", "read_tags"]

UNKNOWN_ARTIST = "Unknown artist"


@dataclass(frozen=True, kw_only=True)
class SongTags:
    """What a player shows.

    Attributes:
        title: The tag, or the file's name without its suffix.
        artist: The tag, or `UNKNOWN_ARTIST`.
        album: The tag, or empty.
        duration_seconds: As the file's header states it; 0 where it does not.
    """

    title: str
    artist: str
    album: str
    duration_seconds: float


def read_tags(path: Path) -> SongTags:
    """Return the tags of a file; unreadable tags count as none, for the sound may still be good."""
    try:
        file = mutagen.File(path, easy=True)
    except mutagen.MutagenError:
        file = None
    duration = float(getattr(getattr(file, "info", None), "length", 0.0) or 0.0)
    return SongTags(
        title=_first(file, "title", "Title") or path.stem,
        artist=_first(file, "artist", "Author", "albumartist") or UNKNOWN_ARTIST,
        album=_first(file, "album", "WM/AlbumTitle"),
        duration_seconds=max(duration, 0.0),
    )


def _first(file: mutagen.FileType | None, *names: str) -> str:
    """Return the first tag that is there; ASF has names of its own, and ID3 frames in WAV too."""
    tags = getattr(file, "tags", None)
    if tags is None:
        return ""
    for name in (*names, *(_ID3[n] for n in names if n in _ID3)):
        try:
            values = tags.get(name)
        except (KeyError, ValueError):
            continue
        if values:
            text = str(values[0] if isinstance(values, list) else values).strip()
            if text:
                return text
    return ""


_ID3 = {"title": "TIT2", "artist": "TPE1", "album": "TALB"}
