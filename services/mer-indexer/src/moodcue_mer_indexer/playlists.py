"""Playlists by mood, as M3U8 files, which every player reads."""

import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from moodcue.errors import MoodcueError
from moodcue.library_index import read_manifest
from moodcue.songs import Song, open_songs
from moodcue_mer_indexer.moods import places_by_mood

_log = structlog.get_logger(__name__)

_MARK = "# made by moodcue-mer-indexer"


class PlaylistError(MoodcueError):
    """Playlists that cannot be written."""


def write_playlists(index: Path, folder: Path, *, sure: float, absolute: bool) -> dict[str, int]:
    """Write a playlist for each quadrant and each mood word that has songs.

    Playlists of an earlier run are replaced, or removed if their mood has no songs any more.

    Args:
        index: Folder of the index.
        folder: That the playlists go to; made if need be.
        sure: Least probability of a song's quadrant for it to be in any list.
        absolute: Name songs by absolute paths instead of paths from the folder.

    Returns:
        The number of songs by the name of the list.

    Raises:
        IndexUnavailableError: There is no index.
        PlaylistError: A playlist of somebody else is in the way, or the folder cannot be written.
    """
    manifest = read_manifest(index)
    songs = open_songs(index, manifest)
    root = Path(manifest.music_root)
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        start = None if absolute else folder.resolve()
        for mood, places in places_by_mood(songs, sure=sure).items():
            path = folder / f"{mood.capitalize()}.m3u8"
            _refuse_foreign(path)
            chosen = [songs.song(int(songs.ids[place])) for place in places]
            if chosen:
                _write(path, playlist(chosen, title=path.stem, root=root, start=start))
                written[path.name] = len(chosen)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise PlaylistError(
            f"{folder} cannot be written ({error.strerror}); give another folder"
        ) from error
    return written


def playlist(songs: Iterable[Song], *, title: str, root: Path, start: Path | None) -> str:
    """Return the text of a playlist.

    Args:
        songs: In their order.
        title: That players show.
        root: Folder that the songs' paths are relative to.
        start: Folder of the playlist, from which songs are named; none: by absolute paths.
    """
    lines = ["#EXTM3U", _MARK, f"#PLAYLIST:{title}"]
    for song in songs:
        path = str(root / song.path)
        if "\n" in path or "\r" in path:
            _log.warning("song.left_out", path=path, reason="a playlist has a path on one line")
            continue
        seconds = round(song.duration_seconds) or -1
        lines.append(f"#EXTINF:{seconds},{_one_line(f'{song.artist} - {song.title}')}")
        lines.append(path if start is None else _from(start, path))
    return "\n".join(lines) + "\n"


def _from(start: Path, path: str) -> str:
    relative = os.path.relpath(path, start)
    # A line that begins with # would be a comment, and with a space not be that name.
    return relative if relative.startswith("..") else f"./{relative}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _refuse_foreign(path: Path) -> None:
    if path.exists() and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise PlaylistError(f"{path} was made by somebody else; give another folder, or move it")


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
