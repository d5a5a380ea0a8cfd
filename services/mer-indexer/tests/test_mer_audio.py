import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mer_sounds import FORMATS, tone, write_audio

from moodcue_mer_indexer.audio import AudioError, decode_audio, stream_audio
from moodcue_mer_indexer.tags import read_tags

RATE = 16_000


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_decodes_to_the_same_tone_at_the_models_rate(
    tmp_path: Path, suffix: str
) -> None:
    path = write_audio(tmp_path / f"tone{suffix}", rate=44_100 if suffix == ".wma" else 48_000)

    samples = decode_audio(path, sample_rate=RATE)

    assert samples.dtype == np.float32
    assert samples.shape == (pytest.approx(2 * RATE, rel=0.01),)
    middle = samples[RATE // 2 : RATE // 2 + RATE]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.354, rel=0.07)


def test_mono_and_stereo_of_the_same_music_are_equally_loud(tmp_path: Path) -> None:
    levels = []
    for channels in (1, 2):
        path = write_audio(tmp_path / f"{channels}.flac", sound=tone(channels=channels))
        levels.append(float(np.sqrt((decode_audio(path, sample_rate=RATE) ** 2).mean())))

    assert levels[0] == pytest.approx(levels[1], rel=0.01)


def test_the_content_decides_the_format_and_not_the_suffix(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "tone.flac").rename(tmp_path / "tone.mp3")

    assert decode_audio(path, sample_rate=RATE).size == 2 * RATE


def test_a_long_file_comes_in_blocks_of_bounded_size(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "long.flac", sound=tone(seconds=60, channels=1))

    sizes = [block.size for block in stream_audio(path, sample_rate=RATE)]

    assert sum(sizes) == pytest.approx(60 * RATE, rel=0.01)
    assert max(sizes) <= 2 * RATE


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".aiff", ".ogg"])
def test_a_truncated_file_is_an_error_that_names_file_and_remedy(
    tmp_path: Path, suffix: str
) -> None:
    whole = write_audio(tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(AudioError) as caught:
        decode_audio(path, sample_rate=RATE)

    assert caught.value.path == path
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"These are words and no sound at all.\n" * 200, "cannot be decoded")],
)
def test_what_is_no_audio_is_an_error_with_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)

    with pytest.raises(AudioError, match=reason):
        decode_audio(path, sample_rate=RATE)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        decode_audio(tmp_path / "none.mp3", sample_rate=RATE)


def test_a_click_of_a_tenth_of_a_second_is_no_song(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "click.wav", sound=tone(seconds=0.1))

    with pytest.raises(AudioError, match=r"only 0\.10 s"):
        decode_audio(path, sample_rate=RATE)


def test_damaged_packets_in_the_middle_do_not_end_the_song(tmp_path: Path) -> None:
    content = bytearray(write_audio(tmp_path / "song.mp3", sound=tone(seconds=20)).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path = tmp_path / "damaged.mp3"
    path.write_bytes(content)

    assert decode_audio(path, sample_rate=RATE).size > 0.9 * 20 * RATE


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wma"])
def test_tags_are_read_from_every_format_that_has_them(tmp_path: Path, suffix: str) -> None:
    path = write_audio(
        tmp_path / f"song{suffix}",
        rate=44_100 if suffix == ".wma" else 48_000,
        tags={"title": "Grüße aus 東京", "artist": "Señor Ω", "album": "Mixed"},
    )

    tags = read_tags(path)

    assert (tags.title, tags.artist, tags.album) == ("Grüße aus 東京", "Señor Ω", "Mixed")
    assert tags.duration_seconds == pytest.approx(2.0, abs=0.1)


def test_a_file_without_tags_is_called_by_its_name(tmp_path: Path) -> None:
    tags = read_tags(write_audio(tmp_path / "07 Ночь.wav"))

    assert (tags.title, tags.artist, tags.album) == ("07 Ночь", "Unknown artist", "")


def test_unreadable_tags_count_as_none(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff" * 100)

    assert read_tags(path).title == "noise"


def test_blocks_follow_each_other_without_a_seam(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "tone.wav", sound=tone(hertz=50, channels=1))

    blocks = list(stream_audio(path, sample_rate=RATE))

    assert len(blocks) > 2
    jumps = [abs(float(after[0] - before[-1])) for before, after in pairwise(blocks)]
    assert max(jumps) < 0.02


def test_a_named_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "song.mp3"
    os.mkfifo(pipe)

    with pytest.raises(AudioError, match="named pipe") as refused:
        decode_audio(pipe, sample_rate=RATE)
    assert refused.value.kind == "unreadable"


def test_a_link_to_nothing_is_named_as_such(tmp_path: Path) -> None:
    link = tmp_path / "song.mp3"
    link.symlink_to(tmp_path / "gone.mp3")

    with pytest.raises(AudioError, match=r"links to .*gone\.mp3"):
        decode_audio(link, sample_rate=RATE)


def test_a_song_protected_by_its_shop_is_named_as_such(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "song.m4a", sound=tone(seconds=3))
    song.write_bytes(song.read_bytes().replace(b"mp4a", b"drms", 1))

    with pytest.raises(AudioError, match="Apple FairPlay") as refused:
        decode_audio(song, sample_rate=RATE)
    assert refused.value.kind == "protected"


def test_a_play_list_that_calls_itself_a_song_opens_nothing_else(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "real.mp3", sound=tone(seconds=3))
    (tmp_path / "list.mp3").write_text(f"ffconcat version 1.0\nfile {song.name}\n")

    with pytest.raises(AudioError, match="list") as refused:
        decode_audio(tmp_path / "list.mp3", sample_rate=RATE)
    assert refused.value.kind == "not-audio"


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "10:30.flac", sound=tone(seconds=2))

    assert decode_audio(song, sample_rate=RATE).size == pytest.approx(2 * RATE, rel=0.01)


@pytest.mark.parametrize("suffix", [".opus", ".wav"])
def test_formats_that_state_no_duration_are_truncated_too(tmp_path: Path, suffix: str) -> None:
    song = write_audio(tmp_path / f"song{suffix}", sound=tone(seconds=8))
    song.write_bytes(song.read_bytes()[: int(song.stat().st_size * 0.6)])

    with pytest.raises(AudioError) as refused:
        decode_audio(song, sample_rate=RATE)
    assert refused.value.kind == "truncated"
