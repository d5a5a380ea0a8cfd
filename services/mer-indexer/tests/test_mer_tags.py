"""Tags of every format, as the libraries that people tag with write them."""

import base64
import struct
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest
from mer_sounds import FORMATS, tone, write_audio
from mutagen.asf._attrs import ASFByteArrayAttribute
from mutagen.flac import Picture
from mutagen.id3 import APIC, TALB, TCON, TDRC, TIT2, TPE1, TPE2, TPOS, TRCK, TXXX, UFID
from mutagen.mp4 import MP4Cover, MP4FreeForm

from moodcue.songs import Tags
from moodcue_mer_indexer.tags import SongTags, is_lossless, read_tags

RECORDING = "f4b0c0de-1111-4222-8333-444455556666"
RELEASE = "f4b0c0de-7777-4888-9999-000011112222"
ARTIST = "f4b0c0de-aaaa-4bbb-8ccc-ddddeeeeffff"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def write_id3(path: Path) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for frame in (
        TIT2(text="Ночь 夜"),
        TPE1(text="Zoë"),
        TALB(text="Ålbum"),
        TPE2(text="Various"),
        TRCK(text="3/12"),
        TPOS(text="2/2"),
        TDRC(text="1998-05-01"),
        TCON(text="Jazz"),
        TXXX(desc="REPLAYGAIN_TRACK_GAIN", text="-7.25 dB"),
        TXXX(desc="replaygain_album_gain", text="-6.50 dB"),
        UFID(owner="http://musicbrainz.org", data=RECORDING.encode()),
        TXXX(desc="MusicBrainz Album Id", text=RELEASE),
        TXXX(desc="MusicBrainz Artist Id", text=ARTIST),
        APIC(mime="image/png", type=3, data=PNG),
    ):
        file.tags.add(frame)
    file.save()


def picture() -> Picture:
    made = Picture()
    made.type, made.mime, made.data = 3, "image/png", PNG
    return made


def write_vorbis(path: Path) -> None:
    file = mutagen.File(path)
    file["title"], file["artist"], file["album"] = "Ночь 夜", "Zoë", "Ålbum"
    file["albumartist"], file["tracknumber"], file["discnumber"] = "Various", "3", "2"
    file["date"], file["genre"] = "1998-05-01", "Jazz"
    if path.suffix == ".opus":
        file["R128_TRACK_GAIN"] = str(round((-7.25 - 5) * 256))
        file["R128_ALBUM_GAIN"] = str(round((-6.5 - 5) * 256))
    else:
        file["REPLAYGAIN_TRACK_GAIN"], file["REPLAYGAIN_ALBUM_GAIN"] = "-7.25 dB", "-6.50 dB"
    file["MUSICBRAINZ_TRACKID"], file["MUSICBRAINZ_ALBUMID"] = RECORDING, RELEASE
    file["MUSICBRAINZ_ARTISTID"] = ARTIST
    if path.suffix == ".flac":
        file.add_picture(picture())
    else:
        file["metadata_block_picture"] = base64.b64encode(picture().write()).decode()
    file.save()


def write_mp4(path: Path) -> None:
    file = mutagen.File(path)
    file["\xa9nam"], file["\xa9ART"], file["\xa9alb"] = "Ночь 夜", "Zoë", "Ålbum"
    file["aART"], file["trkn"], file["disk"] = "Various", [(3, 12)], [(2, 2)]
    file["\xa9day"], file["\xa9gen"] = "1998-05-01", "Jazz"
    for name, text in (
        ("replaygain_track_gain", "-7.25 dB"),
        ("replaygain_album_gain", "-6.50 dB"),
        ("MusicBrainz Track Id", RECORDING),
        ("MusicBrainz Album Id", RELEASE),
        ("MusicBrainz Artist Id", ARTIST),
    ):
        file[f"----:com.apple.iTunes:{name}"] = [MP4FreeForm(text.encode())]
    file["covr"] = [MP4Cover(PNG, MP4Cover.FORMAT_PNG)]
    file.save()


def write_asf(path: Path) -> None:
    file = mutagen.File(path)
    for name, text in (
        ("Title", "Ночь 夜"),
        ("Author", "Zoë"),
        ("WM/AlbumTitle", "Ålbum"),
        ("WM/AlbumArtist", "Various"),
        ("WM/TrackNumber", "3"),
        ("WM/PartOfSet", "2/2"),
        ("WM/Year", "1998"),
        ("WM/Genre", "Jazz"),
        ("replaygain_track_gain", "-7.25 dB"),
        ("replaygain_album_gain", "-6.50 dB"),
        ("MusicBrainz/Track Id", RECORDING),
        ("MusicBrainz/Album Id", RELEASE),
        ("MusicBrainz/Artist Id", ARTIST),
    ):
        file[name] = text
    head = struct.pack("<BI", 3, len(PNG)) + "image/png\0cover\0".encode("utf-16-le")
    file["WM/Picture"] = [ASFByteArrayAttribute(head + PNG)]
    file.save()


WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    ".mp3": (write_id3, "mp3"),
    ".wav": (write_id3, "pcm"),
    ".aiff": (write_id3, "pcm"),
    ".flac": (write_vorbis, "flac"),
    ".ogg": (write_vorbis, "vorbis"),
    ".opus": (write_vorbis, "opus"),
    ".m4a": (write_mp4, "aac"),
    ".wma": (write_asf, "wma"),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_tells_all_that_its_tags_say(tmp_path: Path, suffix: str) -> None:
    rate = 44_100 if suffix == ".wma" else 48_000
    path = write_audio(tmp_path / f"песня 曲{suffix}", sound=tone(seconds=3, rate=rate), rate=rate)
    write, codec = WRITERS[suffix]
    write(path)

    found = read_tags(path)

    assert (found.title, found.artist, found.album) == ("Ночь 夜", "Zoë", "Ålbum")
    assert found.duration_seconds == pytest.approx(3, abs=0.2)
    assert found.more.bitrate_kbps is not None
    assert 8 < found.more.bitrate_kbps < 2500
    assert found.more == Tags(
        album_artist="Various",
        genre="Jazz",
        year=1998,
        track=3,
        disc=2,
        track_gain_db=-7.25,
        album_gain_db=-6.5,
        recording_id=RECORDING,
        release_id=RELEASE,
        artist_id=ARTIST,
        has_cover=True,
        codec=codec,
        bitrate_kbps=found.more.bitrate_kbps,
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_without_tags_is_called_by_its_name(tmp_path: Path, suffix: str) -> None:
    rate = 44_100 if suffix == ".wma" else 48_000
    path = write_audio(tmp_path / f"ночь 夜{suffix}", sound=tone(seconds=2, rate=rate), rate=rate)

    found = read_tags(path)

    assert (found.title, found.artist, found.album) == ("ночь 夜", "Unknown artist", "")
    assert not found.more.has_cover


def test_what_is_no_picture_is_no_cover(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "song.mp3")
    file = mutagen.File(path)
    file.tags.add(APIC(mime="image/png", type=3, data=b"<script>alert(1)</script>"))
    file.save()

    assert not read_tags(path).more.has_cover


def test_damaged_tags_cost_the_tags_alone(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "song.flac")
    file = mutagen.File(path)
    file["tracknumber"], file["date"], file["replaygain_track_gain"] = "A side", "soon", "loud"
    file["musicbrainz_trackid"] = "not an id"
    file.save()

    found = read_tags(path)

    assert found == SongTags(
        title="song",
        artist="Unknown artist",
        album="",
        duration_seconds=2.0,
        more=Tags(codec="flac", bitrate_kbps=found.more.bitrate_kbps),
    )
    assert is_lossless(found.more)
