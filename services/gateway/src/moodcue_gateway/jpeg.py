"""The size of a JPEG, read from its markers (ITU-T T.81, annex B) without decoding it."""

import struct

from moodcue.errors import ProtocolError

_START, _END = b"\xff\xd8\xff", b"\xff\xd9"
_MARK, _DEFINE_HUFFMAN, _RESERVED, _DEFINE_ARITHMETIC = 0xFF, 0xC4, 0xC8, 0xCC
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {_DEFINE_HUFFMAN, _RESERVED, _DEFINE_ARITHMETIC}
_HEADER_BYTES = 9
"""Mark, length, precision, height, width of a frame header."""


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a JPEG in pixels.

    Raises:
        ProtocolError: if the data are no whole JPEG.
    """
    if not data.startswith(_START):
        raise ProtocolError(f"not a JPEG: it begins with {data[:4].hex(' ') or 'nothing'}")
    if not data.endswith(_END):
        raise ProtocolError("not a whole JPEG: its end is missing")
    at = 2
    while at + _HEADER_BYTES <= len(data) and data[at] == _MARK:
        mark = data[at + 1]
        if mark in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            if width and height:
                return width, height
            break
        # Any number of marks may stand before the byte that says which one it is.
        at += 1 if mark == _MARK else 2 + struct.unpack_from(">H", data, at + 2)[0]
    raise ProtocolError("not a JPEG: it does not say how large it is")
