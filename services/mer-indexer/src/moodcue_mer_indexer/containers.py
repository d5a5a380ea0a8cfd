"""What an audio file's bytes say of it that a decoder does not tell: cut off, or protected.

Formats as in: QuickTime and ISO 14496-12 (boxes), Microsoft's ASF specification 01.20.03 (objects),
RIFF and EA IFF 85 (chunks), RFC 3533 (Ogg pages), and Xing's and Fraunhofer's headers of MP3.
"""

import os
from pathlib import Path
from typing import BinaryIO

PROTECTED_SAMPLE_ENTRIES = {
    "drms": "Apple FairPlay",
    "enca": "Common Encryption",
    "aavd": "Audible",
}
"""Four-character codes of encrypted sample entries, and what encrypts them."""

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_ENCRYPTION = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
_HEADER_AT_MOST = 1 << 20
_OGG_PAGE_AT_MOST = 27 + 255 + 255 * 255
_OGG_FIXED = 27
_BOXES_AT_MOST = 4096
# Writers that cannot go back to the header leave a size near the largest of 31 or 32 bits.
_NEVER_FILLED_IN = 0x7FFF0000


def protection(path: Path) -> str | None:
    """Return what protects a WMA file from being played, or None; MP4's decoder tells itself.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        header = _asf_header(file)
    return "Windows Media DRM" if any(guid in header for guid in _ASF_ENCRYPTION) else None


def states_duration(path: Path) -> bool:
    """Return whether the duration of an MP3 file is stated and not guessed from its bit rate.

    FFmpeg guesses from the first frames; a file of variable bit rate that begins in silence
    would seem ten times as long as it is.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:  # noqa: PLR2004 - the size of ID3v2's header
            # Seven bits per byte, as ID3v2.4 section 3.1 has it.
            file.seek(10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(head[6:])))
        else:
            file.seek(0)
        frames = file.read(8192)
    return any(mark in frames for mark in (b"Xing", b"Info", b"VBRI"))


def cut_off(path: Path) -> str | None:
    """Return the evidence that the end of a file is missing, or None.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"FORM"):
            return _cut_chunk(head, size)
        if head[:4] == b"OggS":
            return _cut_page(file, size)
        if head[4:8] == b"ftyp":
            return _cut_box(file, size)
        if (head + file.read(4)) == _ASF_HEADER:
            return _cut_asf(file, size)
    return None


def _cut_chunk(head: bytes, size: int) -> str | None:
    stated = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
    # Odd chunks are padded, and not every writer counts the padding.
    if stated >= _NEVER_FILLED_IN or stated + 7 <= size:
        return None
    return _stated("its header", stated + 8, size)


def _cut_page(file: BinaryIO, size: int) -> str | None:
    start = max(0, size - _OGG_PAGE_AT_MOST)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < _OGG_FIXED or len(page) < _OGG_FIXED + page[26]:
        return f"its last Ogg page breaks off at byte {size:,}"
    needed = _OGG_FIXED + page[26] + sum(page[_OGG_FIXED : _OGG_FIXED + page[26]])
    return _stated("its last Ogg page", start + at + needed, size) if needed > len(page) else None


def _cut_box(file: BinaryIO, size: int) -> str | None:
    at = 0
    has_index = False
    for _ in range(_BOXES_AT_MOST):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:  # noqa: PLR2004 - the size of a box's header
            break
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        has_index = has_index or header[4:8] == b"moov"
        if length < 8:  # noqa: PLR2004 - to the end of the file, or none
            break
        at += length
        if at > size:
            return _stated(f"its box {header[4:8].decode('latin-1')!r}", at, size)
    return None if has_index else "its index (the box 'moov') is missing"


def _cut_asf(file: BinaryIO, size: int) -> str | None:
    file.seek(0)
    header = _asf_header(file)
    at = header.find(_ASF_FILE_PROPERTIES)
    stated = int.from_bytes(header[at + 40 : at + 48], "little") if at >= 0 else 0
    return _stated("its header", stated, size) if stated > size else None


def _asf_header(file: BinaryIO) -> bytes:
    start = file.read(24)
    if start[:16] != _ASF_HEADER:
        return b""
    file.seek(0, os.SEEK_SET)
    return file.read(min(int.from_bytes(start[16:24], "little"), _HEADER_AT_MOST))


def _stated(what: str, stated: int, size: int) -> str:
    return f"{what} states {stated:,} bytes, {size:,} are there"
