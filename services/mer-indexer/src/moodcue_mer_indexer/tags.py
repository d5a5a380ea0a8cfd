"""What a file says of its song: names, numbers, loudness, MusicBrainz ids, codec."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mutagen
from mutagen.aac import AAC
from mutagen.aiff import AIFF
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from moodcue.songs import UNKNOWN_ARTIST, Tags
from moodcue_mer_indexer.covers import has_cover

_CODECS: Final[Mapping[type, str]] = {
    AAC: "aac",
    AIFF: "pcm",
    ASF: "wma",
    FLAC: "flac",
    MP3: "mp3",
    OggFLAC: "flac",
    OggOpus: "opus",
    OggVorbis: "vorbis",
    WAVE: "pcm",
}
_LOSSLESS: Final = frozenset(("alac", "flac", "pcm"))

_ITUNES = "----:com.apple.itunes:"
# By what a tag says: its names in ID3v2, in Vorbis comments, in MP4 and in ASF, in small letters.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("tit2", "title", "\xa9nam"),
    "artist": ("tpe1", "artist", "\xa9art", "author"),
    "album": ("talb", "album", "\xa9alb", "wm/albumtitle"),
    "album_artist": ("tpe2", "albumartist", "album artist", "aart", "wm/albumartist"),
    "genre": ("tcon", "genre", "\xa9gen", "wm/genre"),
    "year": ("tdrc", "date", "year", "\xa9day", "wm/year"),
    "track": ("trck", "tracknumber", "track", "trkn", "wm/tracknumber"),
    "disc": ("tpos", "discnumber", "disc", "disk", "wm/partofset"),
    "track_gain": (
        "txxx:replaygain_track_gain",
        "replaygain_track_gain",
        f"{_ITUNES}replaygain_track_gain",
    ),
    "album_gain": (
        "txxx:replaygain_album_gain",
        "replaygain_album_gain",
        f"{_ITUNES}replaygain_album_gain",
    ),
    "recording": (
        "ufid:http://musicbrainz.org",
        "musicbrainz_trackid",
        f"{_ITUNES}musicbrainz track id",
        "musicbrainz/track id",
    ),
    "release": (
        "txxx:musicbrainz album id",
        "musicbrainz_albumid",
        f"{_ITUNES}musicbrainz album id",
        "musicbrainz/album id",
    ),
    "artist_id": (
        "txxx:musicbrainz artist id",
        "musicbrainz_artistid",
        f"{_ITUNES}musicbrainz artist id",
        "musicbrainz/artist id",
    ),
}

_OPUS_TRACK_GAIN: Final = "r128_track_gain"
_OPUS_ALBUM_GAIN: Final = "r128_album_gain"
_WANTED: Final = {name for names in _NAMES.values() for name in names} | {
    _OPUS_TRACK_GAIN,
    _OPUS_ALBUM_GAIN,
}
# RFC 7845, section 5.2.1: the gain of Opus in steps of 1/256 dB, to 5 dB less than ReplayGain's.
_OPUS_STEPS_PER_DB: Final = 256
_OPUS_OFFSET_DB: Final = 5.0

_DIGITS = re.compile(r"\d{1,5}")
_YEAR = re.compile(r"\b[12]\d{3}")
_GAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_MUSICBRAINZ_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOTHING_MORE: Final = Tags()


@dataclass(frozen=True, kw_only=True)
class SongTags:
    """What a player shows.

    Attributes:
        title: The tag, or the file's name without its suffix.
        artist: The tag, that of the album's artist, or `UNKNOWN_ARTIST`.
        album: The tag, or empty.
        duration_seconds: As the file's header states it; 0 where it does not.
        more: What else the file says.
    """

    title: str
    artist: str
    album: str
    duration_seconds: float
    more: Tags = _NOTHING_MORE


def read_tags(path: Path) -> SongTags:
    """Return the tags of a file; unreadable tags count as none, for the sound may still be good."""
    try:
        file = mutagen.File(path)
    except mutagen.MutagenError:
        file = None
    if file is None:
        return SongTags(title=path.stem, artist=UNKNOWN_ARTIST, album="", duration_seconds=0.0)
    flat = _flat(file.tags)
    texts = {name: _first(flat, names) for name, names in _NAMES.items()}
    seconds = max(float(getattr(file.info, "length", 0.0) or 0.0), 0.0)
    return SongTags(
        title=texts["title"] or path.stem,
        artist=texts["artist"] or texts["album_artist"] or UNKNOWN_ARTIST,
        album=texts["album"],
        duration_seconds=seconds,
        more=Tags(
            album_artist=texts["album_artist"],
            genre=texts["genre"],
            year=_number(_YEAR, texts["year"]),
            track=_number(_DIGITS, texts["track"]),
            disc=_number(_DIGITS, texts["disc"]),
            track_gain_db=_gain(texts["track_gain"], opus=flat.get(_OPUS_TRACK_GAIN, "")),
            album_gain_db=_gain(texts["album_gain"], opus=flat.get(_OPUS_ALBUM_GAIN, "")),
            recording_id=_id(texts["recording"]),
            release_id=_id(texts["release"]),
            artist_id=_id(texts["artist_id"]),
            has_cover=has_cover(file),
            codec=_codec(file),
            bitrate_kbps=_bitrate(file, path=path, seconds=seconds),
        ),
    )


def is_lossless(tags: Tags) -> bool:
    """Return whether a file holds the sound as it was recorded."""
    return tags.codec in _LOSSLESS


def _flat(tags: Any) -> dict[str, str]:
    """Return the first value of the tags that are wanted as text, by their names in small letters.

    The rest, pictures above all, is left alone.
    """
    items: Iterable[tuple[str, Any]] = [] if tags is None else tags.items()
    found: dict[str, str] = {}
    for name, value in items:
        text = _text(value) if name.lower() in _WANTED else ""
        if text:
            found.setdefault(name.lower(), text)
    return found


def _text(value: Any) -> str:
    """Return a tag's first value: a frame of ID3, a list of a Vorbis comment, of MP4 or of ASF."""
    for attribute in ("genres", "text", "data"):
        if hasattr(value, attribute) and not isinstance(value, bytes):
            value = getattr(value, attribute)
            break
    while isinstance(value, (list, tuple)):
        if not value:
            return ""
        value = value[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="ignore").strip("\0 ")
    return str(value).replace("\0", " ").strip()


def _first(flat: Mapping[str, str], names: Iterable[str]) -> str:
    return next((flat[name] for name in names if name in flat), "")


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found.group()) if found else None


def _gain(text: str, *, opus: str) -> float | None:
    found = _GAIN.search(text)
    if found:
        return float(found.group())
    steps = _GAIN.fullmatch(opus)
    return float(steps.group()) / _OPUS_STEPS_PER_DB + _OPUS_OFFSET_DB if steps else None


def _id(text: str) -> str:
    found = _MUSICBRAINZ_ID.search(text.lower())
    return found.group() if found else ""


def _codec(file: mutagen.FileType) -> str:
    if isinstance(file, MP4):
        return "alac" if getattr(file.info, "codec", "") == "alac" else "aac"
    return _CODECS.get(type(file), "")


def _bitrate(file: mutagen.FileType, *, path: Path, seconds: float) -> int | None:
    """Return kbit/s as the header states them, or of the whole file."""
    stated = float(getattr(file.info, "bitrate", 0) or 0)
    if not stated and seconds:
        stated = path.stat().st_size * 8 / seconds
    return round(stated / 1000) or None
