"""The songs of the published index and their files."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from moodcue.errors import IndexUnavailableError
from moodcue.library_index import MANIFEST, read_manifest
from moodcue.songs import Song, SongTable, open_songs
from moodcue_gateway.problems import ProblemError

MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg; codecs=opus",
    ".m4a": "audio/mp4",
    ".m4p": "audio/mp4",
    ".aac": "audio/aac",
    ".wav": "audio/wav",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".wma": "audio/x-ms-wma",
}

_KEY = re.compile(r"[0-9a-f]{16}")
_Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Catalogue:
    """One generation of the index.

    Attributes:
        generation: its name.
        music: folder that the songs' paths are relative to.
        songs: in the order of their paths.
    """

    generation: str
    music: Path
    songs: SongTable

    def song(self, key: str) -> Song:
        """Return a song.

        Raises:
            ProblemError: 404, if there is none with this key.
        """
        if _KEY.fullmatch(key) is not None:
            with suppress(KeyError):
                return self.songs.song(int(key, 16))
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"no song {key!r} in the library; GET /v1/songs lists them"
        )


def audio_file(music: Path, path: str) -> tuple[Path, str]:
    """Find a song's file inside the music folder.

    Args:
        music: the folder.
        path: of the song, relative to it.

    Returns:
        The file with all links resolved, and its media type.

    Raises:
        ProblemError: 404, if it is missing, no audio, or lies (through `..` or a link) outside.
    """
    file = _inside(music, path)
    if file is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"the file {path!r} is not in the music folder; index the library again, or set "
            "MOODCUE_GATEWAY_MUSIC_DIR",
        )
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"{path!r} is no audio file that can be played")
    return file, media_type


def _inside(folder: Path, path: str) -> Path | None:
    try:
        root = folder.resolve(strict=True)
        file = (root / path).resolve(strict=True)
    except (OSError, ValueError):
        return None
    return file if file.is_relative_to(root) and file.is_file() else None


@dataclass
class Library:
    """Follows the index: a new manifest is read on the next request.

    Attributes:
        index: folder of the index.
        music: folder of the music; None: the one that the manifest names.
    """

    index: Path
    music: Path | None = None
    _catalogue: Catalogue | None = field(default=None, init=False)
    _signature: _Signature | None = field(default=None, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def catalogue(self) -> Catalogue:
        """Return the current generation.

        Raises:
            IndexUnavailableError: if there is none and never was one.
        """
        async with self._reading:
            signature = self._manifest_signature()
            if signature != self._signature or self._catalogue is None:
                await self._read(signature)
            if self._catalogue is None:
                raise IndexUnavailableError(f"the index in {self.index} has no songs")
            return self._catalogue

    async def _read(self, signature: _Signature | None) -> None:
        try:
            self._catalogue = await asyncio.to_thread(self._load)
        except IndexUnavailableError:
            # What was read before still plays.
            if self._catalogue is None:
                raise
        self._signature = signature

    def _load(self) -> Catalogue:
        manifest = read_manifest(self.index)
        return Catalogue(
            generation=manifest.generation,
            music=self.music or Path(manifest.music_root),
            songs=open_songs(self.index, manifest),
        )

    def _manifest_signature(self) -> _Signature | None:
        try:
            found = (self.index / MANIFEST).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
