"""The picture of a song: from its file, else from the folder that it lies in."""

from pathlib import Path

import structlog
from tinytag import TinyTag

MAX_BYTES = 5_000_000
"""A larger picture would take longer to load than the song."""

_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_NAMES = ("cover", "folder", "front")
_SUFFIXES = (".jpg", ".jpeg", ".png")

_log = structlog.get_logger(__name__)


def cover_of(file: Path) -> tuple[bytes, str] | None:
    """Return a song's picture and its media type, None if it has none that can be shown.

    Args:
        file: the song's audio.
    """
    for data in (_embedded(file), _beside(file)):
        kind = _kind_of(data)
        if kind is not None:
            return data, kind
    return None


def _kind_of(data: bytes) -> str | None:
    # What the tag says of its picture is not to be trusted.
    return next((kind for start, kind in _KINDS.items() if data.startswith(start)), None)


def _embedded(file: Path) -> bytes:
    try:
        cover = TinyTag.get(file, tags=True, duration=False, image=True).images.any
    except Exception as error:  # noqa: BLE001 - whatever a broken tag does to its reader, the song plays
        _log.info("cover.unreadable", file=file.name, reason=str(error))
        return b""
    return cover.data if cover is not None and len(cover.data) <= MAX_BYTES else b""


def _beside(file: Path) -> bytes:
    try:
        found = {one.name.lower(): one for one in file.parent.iterdir()}
        for name in _NAMES:
            for suffix in _SUFFIXES:
                picture = found.get(name + suffix)
                # A link could lead out of the music folder.
                if picture and not picture.is_symlink() and picture.stat().st_size <= MAX_BYTES:
                    return picture.read_bytes()
    except OSError as error:
        _log.info("cover.unreadable", file=file.name, reason=str(error))
    return b""
