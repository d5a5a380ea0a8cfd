"""Recommendations as playlists that players read: M3U, and JSPF (XSPF as JSON, https://xspf.org)."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from moodcue.events import Recommendation, SongMatch
from moodcue.identity import NS_PER_SECOND

Locate = Callable[[SongMatch], str]
"""Gives the address of a song: a URL, or a path relative to the music folder."""


@dataclass(frozen=True)
class Playlist:
    """Songs with a title.

    Attributes:
        title: of the list.
        time: UTC, nanoseconds since 1970.
        songs: in the order in which they are to be played.
    """

    title: str
    time: int
    songs: tuple[SongMatch, ...]


def playlist_of(events: Iterable[Recommendation], *, title: str) -> Playlist:
    """Put the songs of recommendations into one list, each once, at the place it first came.

    Args:
        events: oldest first.
        title: of the list.
    """
    songs: dict[str, SongMatch] = {}
    time = 0
    for event in events:
        time = max(time, event.time)
        for song in event.songs:
            songs.setdefault(song.song, song)
    return Playlist(title, time, tuple(songs.values()))


def as_m3u(playlist: Playlist, locate: Locate) -> str:
    """Write an extended M3U in UTF-8."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(playlist.title)}"]
    for song in playlist.songs:
        # -1: how long it is, the player finds out.
        lines += [f"#EXTINF:-1,{_line(f'{song.artist} - {song.title}')}", _line(locate(song))]
    return "\n".join(lines) + "\n"


def as_jspf(playlist: Playlist, locate: Locate) -> str:
    """Write a JSPF; the reason of a song is its annotation."""
    date = datetime.fromtimestamp(playlist.time / NS_PER_SECOND, UTC)
    tracks = [
        {
            "location": [locate(song)],
            "identifier": [f"urn:moodcue:song:{song.song}"],
            "title": song.title,
            "creator": song.artist,
            "annotation": song.reason,
        }
        for song in playlist.songs
    ]
    document = {
        "playlist": {
            "title": playlist.title,
            "creator": "Moodcue",
            "date": date.isoformat(timespec="seconds"),
            "track": tracks,
        }
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _line(text: str) -> str:
    # A tag with a line break would become an entry of its own.
    return " ".join(text.split())
