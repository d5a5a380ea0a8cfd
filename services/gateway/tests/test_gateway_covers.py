import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from gateway_harness import System, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue_gateway.covers import cover_of

SONG = f"{1:016x}"


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def tagged_mp3(folder: Path, picture: bytes) -> Path:
    """Write an MP3 with an ID3v2.3 tag that holds a picture (an `APIC` frame)."""
    write_tone(folder / "plain.mp3", seconds=1)
    body = b"\0image/jpeg\0\x03\0" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    file = folder / "song1.mp3"
    file.write_bytes(b"ID3\x03\0\0" + size + frame + (folder / "plain.mp3").read_bytes())
    return file


def test_the_picture_in_a_songs_file_is_given(system: System, tmp_path: Path) -> None:
    music = write_index(tmp_path, ["song1.mp3"])
    tagged_mp3(music, jpeg())
    client = system.start_gateway().client

    answer = client.get(f"/v1/songs/{SONG}/cover")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == jpeg()


def test_a_song_without_one_has_that_of_its_folder_or_none(system: System, tmp_path: Path) -> None:
    music = write_index(tmp_path, ["song1.wav", "gone.wav"])
    write_tone(music / "song1.wav", seconds=1)
    client = system.start_gateway().client

    assert client.get(f"/v1/songs/{SONG}/cover").status_code == 204
    assert client.get(f"/v1/songs/{2:016x}/cover").status_code == 204
    (music / "Cover.JPG").write_bytes(jpeg())
    assert client.get(f"/v1/songs/{SONG}/cover").content == jpeg()
    assert client.get(f"/v1/songs/{3:016x}/cover").status_code == 404


@pytest.mark.parametrize("picture", [b"", b"<svg onload='alert(1)'/>", b"GIF89a", bytes(6_000_000)])
def test_what_is_no_picture_to_show_is_none(tmp_path: Path, picture: bytes) -> None:
    file = tagged_mp3(tmp_path, picture)

    assert cover_of(file) is None


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    write_tone(music / "song1.wav", seconds=1)
    (tmp_path / "secret.jpg").write_bytes(jpeg())
    (music / "cover.jpg").symlink_to(tmp_path / "secret.jpg")

    assert cover_of(music / "song1.wav") is None


def test_a_broken_file_has_no_picture(tmp_path: Path) -> None:
    broken = tmp_path / "song1.mp3"
    broken.write_bytes(b"ID3\x03\0\0\x7f\x7f\x7f\x7fAPIC" + bytes(40))

    assert cover_of(broken) is None
    assert cover_of(tmp_path / "missing.mp3") is None
