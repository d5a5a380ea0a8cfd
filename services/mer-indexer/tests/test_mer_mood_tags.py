import hashlib
import os
import random
import struct
from pathlib import Path

import mutagen
import pytest
from mer_sounds import FORMATS, packets, tone, write_audio
from mutagen.flac import Picture
from mutagen.id3 import APIC, COMM, ID3, TPE1, TXXX, TYER
from mutagen.mp4 import MP4, MP4Cover

from moodcue_mer_indexer.mood_tags import (
    AROUSAL,
    MOOD,
    VALENCE,
    MoodFields,
    TagError,
    mood_fields,
)
from moodcue_mer_indexer.rewrite import rewrite_mood

TAGGED = [suffix for suffix in FORMATS if suffix != ".aac"]
CALM = mood_fields(valence=0.534, arousal=-0.712, sure=True)
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8


def song(folder: Path, suffix: str) -> Path:
    """Write a song with tags, which nothing here may change."""
    tags = {"title": "Тихо 夜", "artist": "Somebody"} if suffix != ".wav" else {}
    return write_audio(folder / f"song{suffix}", sound=tone(seconds=1.5), tags=tags)


def fields(path: Path) -> dict[str, str]:
    return MoodFields(path).read()


@pytest.mark.parametrize("suffix", TAGGED)
def test_moods_come_into_every_format_and_out_again_and_nothing_else_changes(
    tmp_path: Path, suffix: str
) -> None:
    path = song(tmp_path, suffix)
    sound, others = packets(path), MoodFields(path).others()

    rewrite_mood(path, CALM)

    assert fields(path) == {MOOD: "Calm", VALENCE: "0.53", AROUSAL: "-0.71"}
    assert packets(path) == sound
    assert MoodFields(path).others() == others

    rewrite_mood(path, {})

    assert fields(path) == {}
    assert packets(path) == sound
    assert MoodFields(path).others() == others
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("suffix", "key"),
    [
        (".mp3", "TMOO"),
        (".wav", "TMOO"),
        (".flac", "mood"),
        (".opus", "mood"),
        (".m4a", "----:com.apple.iTunes:MOOD"),
        (".wma", "WM/Mood"),
    ],
)
def test_a_mood_stands_where_players_look_for_it(tmp_path: Path, suffix: str, key: str) -> None:
    path = song(tmp_path, suffix)

    rewrite_mood(path, CALM)

    assert "Calm" in str(mutagen.File(path).tags[key])


def test_id3_2_3_stays_2_3_with_its_own_frames(tmp_path: Path) -> None:
    path = song(tmp_path, ".mp3")
    old = ID3()
    old.add(TPE1(encoding=1, text=["One", "Two"]))
    old.add(TYER(encoding=0, text=["1999"]))
    old.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=PICTURE))
    old.save(path, v2_version=3, v23_sep=None)

    rewrite_mood(path, CALM)

    tags = ID3(path, translate=False)
    assert tags.version == (2, 3, 0)
    assert tags["TYER"].text == ["1999"]
    assert tags["TPE1"].text == ["One", "Two"]
    assert tags["APIC:"].data == PICTURE
    assert tags["TXXX:MOOD"].text == ["Calm"]


def test_id3_1_stays_as_it_is(tmp_path: Path) -> None:
    path = song(tmp_path, ".mp3")
    block = struct.pack("3s30s30s30s4s30sB", b"TAG", b"Old title", b"", b"", b"1980", b"", 7)
    with path.open("ab") as file:
        file.write(block)

    rewrite_mood(path, CALM)

    assert path.read_bytes()[-128:] == block
    assert str(ID3(path, load_v1=False)["TIT2"]) == "Тихо 夜"


def test_a_file_with_id3_1_alone_keeps_its_title_for_every_reader(tmp_path: Path) -> None:
    path = song(tmp_path, ".mp3")
    ID3().delete(path)
    block = struct.pack("3s30s30s30s4s30sB", b"TAG", b"Old title", b"", b"", b"1980", b"", 7)
    with path.open("ab") as file:
        file.write(block)

    rewrite_mood(path, CALM)

    assert path.read_bytes()[-128:] == block
    assert str(ID3(path, load_v1=False)["TIT2"]) == "Old title"
    assert fields(path)[MOOD] == "Calm"


def test_covers_stay(tmp_path: Path) -> None:
    flac, m4a = song(tmp_path, ".flac"), song(tmp_path, ".m4a")
    picture = Picture()
    picture.data, picture.mime, picture.type = PICTURE, "image/jpeg", 3
    file = mutagen.File(flac)
    file.add_picture(picture)
    file.save()
    mp4 = MP4(m4a)
    mp4["covr"] = [MP4Cover(PICTURE, MP4Cover.FORMAT_JPEG)]
    mp4.save()

    rewrite_mood(flac, CALM)
    rewrite_mood(m4a, CALM)

    assert mutagen.File(flac).pictures[0].data == PICTURE
    assert bytes(MP4(m4a)["covr"][0]) == PICTURE


def test_the_mood_of_somebody_else_stays(tmp_path: Path) -> None:
    path = song(tmp_path, ".mp3")
    tags = ID3(path)
    tags.add(TXXX(encoding=3, desc="Comment", text=["mine"]))
    tags.add(COMM(encoding=3, lang="eng", desc="", text=["a comment"]))
    tags.add(mutagen.id3.TMOO(encoding=3, text=["Wistful"]))
    tags.save(path)

    assert MoodFields(path).foreign_mood() == "Wistful"
    rewrite_mood(path, CALM)
    assert fields(path) == {MOOD: "Wistful", VALENCE: "0.53", AROUSAL: "-0.71"}
    rewrite_mood(path, {})
    assert fields(path) == {MOOD: "Wistful"}


def test_our_own_mood_gives_way_to_a_new_one_and_to_none(tmp_path: Path) -> None:
    path = song(tmp_path, ".opus")

    rewrite_mood(path, CALM)
    rewrite_mood(path, mood_fields(valence=-0.5, arousal=0.5, sure=True))
    assert fields(path)[MOOD] == "Tense"

    rewrite_mood(path, mood_fields(valence=-0.004, arousal=0.5, sure=False))
    assert fields(path) == {VALENCE: "0.00", AROUSAL: "0.50"}


def test_id3_2_2_is_left_as_it_is(tmp_path: Path) -> None:
    path = song(tmp_path, ".mp3")
    ID3().delete(path)
    frame = b"TT2" + len(b"\0Old").to_bytes(3) + b"\0Old"
    header = b"ID3\x02\x00\x00" + len(frame).to_bytes(4)
    path.write_bytes(header + frame + path.read_bytes())
    before = path.read_bytes()

    with pytest.raises(TagError, match=r"2\.2"):
        rewrite_mood(path, CALM)

    assert path.read_bytes() == before


def test_what_cannot_be_tagged_is_left_as_it_is_with_the_reason(tmp_path: Path) -> None:
    raw = song(tmp_path, ".aac")
    locked = song(tmp_path, ".flac")
    locked.chmod(0o444)
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(b"words" * 100)
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in (raw, locked, noise)}

    for path, words in (
        (raw, "no place for tags"),
        (locked, "read-only"),
        (noise, "left as it is"),
    ):
        with pytest.raises(TagError, match=words):
            rewrite_mood(path, CALM)

    for path, digest in before.items():
        assert hashlib.sha256(path.read_bytes()).digest() == digest
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("suffix", TAGGED)
def test_a_damaged_file_is_tagged_or_left_as_it_is(tmp_path: Path, suffix: str) -> None:
    generator = random.Random(suffix)
    whole = song(tmp_path, suffix).read_bytes()
    path = tmp_path / f"damaged{suffix}"
    for extent in (64, 600, 5000, len(whole)) * 5:
        damaged = bytearray(whole)
        for _ in range(10):
            damaged[generator.randrange(min(extent, len(whole)))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            rewrite_mood(path, CALM)
        except TagError:
            assert path.read_bytes() == damaged
        else:
            assert fields(path)[VALENCE] == CALM[VALENCE]


@pytest.mark.parametrize("fault", ["copyfile", "copystat"])
def test_a_disk_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = song(tmp_path, ".flac")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"moodcue_mer_indexer.rewrite.shutil.{fault}", full)
    with pytest.raises(TagError, match="No space left on device"):
        rewrite_mood(path, CALM)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_links_stay_links_and_permissions_stay(tmp_path: Path) -> None:
    path = song(tmp_path, ".m4a")
    path.chmod(0o640)
    link = tmp_path / "link.m4a"
    link.symlink_to(path)
    os.utime(path, ns=(1, 1))

    rewrite_mood(link, CALM)

    assert link.is_symlink()
    assert fields(path)[MOOD] == "Calm"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime_ns > 1
