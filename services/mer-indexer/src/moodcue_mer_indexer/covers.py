"""Whether a music file carries a picture."""

import base64
import binascii
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import mutagen
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3

_MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def has_cover(file: mutagen.FileType) -> bool:
    """Return whether a file that mutagen has opened carries a JPEG or PNG, by its first bytes."""
    return any(picture.startswith(_MAGIC) for picture in _pictures(file))


def _pictures(file: Any) -> Iterator[bytes]:
    """Yield the pictures of FLAC, ID3, MP4, ASF and Vorbis comments."""
    if isinstance(file, FLAC):
        yield from (picture.data for picture in file.pictures)
    if file.tags is None:
        return
    if isinstance(file.tags, ID3):
        yield from (frame.data for frame in file.tags.getall("APIC"))
        return
    for name, values in file.tags.items():
        if name == "covr":
            yield from map(bytes, values)
        elif name == "WM/Picture":
            yield from _decoded(_from_asf, (value.value for value in values))
        elif name.lower() == "metadata_block_picture":
            yield from _decoded(_from_vorbis, values)


def _decoded(decode: Callable[[Any], bytes], values: Iterable[Any]) -> Iterator[bytes]:
    for value in values:
        try:
            yield decode(value)
        except (binascii.Error, mutagen.MutagenError, struct.error, ValueError):
            continue


def _from_vorbis(text: str) -> bytes:
    data: bytes = Picture(base64.b64decode(text)).data
    return data


def _from_asf(value: bytes) -> bytes:
    """Read WM/Picture: kind, size, media type and description in UTF-16 with a zero, picture."""
    _, size = struct.unpack_from("<BI", value)
    return value[len(value) - size :]
