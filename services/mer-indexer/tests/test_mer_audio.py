import os
from itertools import pairwise
from pathlib import Path

import av
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
    assert samples.shape == (pytest.approx(2 * RATE, rel=0.02),)
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


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".aiff", ".ogg", ".wma"])
def test_a_truncated_file_is_an_error_that_names_file_and_remedy(
    tmp_path: Path, suffix: str
) -> None:
    sound = tone(seconds=8, rate=44_100)
    whole = write_audio(tmp_path / f"whole{suffix}", sound=sound, rate=44_100).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(AudioError) as caught:
        decode_audio(path, sample_rate=RATE)

    assert caught.value.path == path
    assert caught.value.kind == "truncated"
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "empty", "0 bytes"),
        (b"These are words and no sound at all.\n" * 200, "not-audio", "These are wo"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "not-audio", "PNG"),
        (bytes(100_000), "not-audio", "cannot be decoded"),
    ],
)
def test_what_is_no_audio_is_an_error_with_its_kind_and_the_value_that_says_so(
    tmp_path: Path, content: bytes, kind: str, reason: str
) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)

    with pytest.raises(AudioError, match=reason) as refused:
        decode_audio(path, sample_rate=RATE)
    assert refused.value.kind == kind


def test_a_file_that_the_disk_does_not_give_is_unreadable_with_the_systems_words(
    tmp_path: Path,
) -> None:
    # The memory of this process is a regular file whose first byte nobody may read.
    path = tmp_path / "song.mp3"
    path.symlink_to("/proc/self/mem")

    with pytest.raises(AudioError, match="Input/output error") as refused:
        decode_audio(path, sample_rate=RATE)
    assert refused.value.kind == "unreadable"


def test_a_link_to_itself_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.symlink_to(path)

    with pytest.raises(AudioError, match="symbolic links") as refused:
        decode_audio(path, sample_rate=RATE)
    assert refused.value.kind == "unreadable"


@pytest.mark.parametrize(("suffix", "encoder"), [(".wav", "pcm_u8"), (".wav", "pcm_s24le")])
def test_samples_of_any_width_have_the_same_loudness(
    tmp_path: Path, suffix: str, encoder: str
) -> None:
    path = write_audio(tmp_path / f"song{suffix}", encoder=encoder)

    samples = decode_audio(path, sample_rate=RATE)

    assert samples.mean() == pytest.approx(0, abs=0.005)
    assert np.sqrt((samples**2).mean()) == pytest.approx(0.354, rel=0.02)


def test_a_voice_in_the_centre_is_as_loud_in_surround_as_in_stereo(tmp_path: Path) -> None:
    levels = []
    voice = tone(channels=1)
    silence = np.zeros_like(voice)
    for name, channels in {
        "stereo": [voice * 0.5**0.5] * 2,
        "surround": [silence, silence, voice, silence, silence, silence],
    }.items():
        path = write_audio(tmp_path / f"{name}.flac", sound=np.hstack(channels))
        levels.append(float(np.sqrt((decode_audio(path, sample_rate=RATE) ** 2).mean())))

    assert levels[0] == pytest.approx(levels[1], rel=0.01)


def test_a_file_whose_rate_and_channels_change_is_heard_to_its_end(tmp_path: Path) -> None:
    parts = [
        write_audio(tmp_path / f"{rate}.mp3", sound=tone(rate=rate, channels=n), rate=rate)
        for rate, n in ((44_100, 2), (48_000, 1))
    ]
    path = tmp_path / "joined.mp3"
    # Without the header that states the duration of the first part alone.
    path.write_bytes(b"".join(part.read_bytes() for part in parts).replace(b"Info", bytes(4)))

    samples = decode_audio(path, sample_rate=RATE)

    assert samples.size == pytest.approx(4 * RATE, rel=0.05)
    for second in (0.5, 2.8):
        heard = samples[int(second * RATE) : int((second + 0.5) * RATE)]
        assert np.abs(np.fft.rfft(heard)).argmax() == 220


def test_a_guessed_duration_is_no_reason_to_call_a_file_truncated(tmp_path: Path) -> None:
    # FFmpeg guesses from the first frames: here their rate is a quarter of the later one.
    quiet, loud = (tmp_path / "quiet.mp3", tmp_path / "loud.mp3")
    write_audio(quiet, sound=tone(seconds=1))
    with av.open(str(loud), "w") as container:
        stream = container.add_stream("libmp3lame", rate=48_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 320_000
        frame = av.AudioFrame.from_ndarray(tone(seconds=20).T.copy(), "fltp", "stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path = tmp_path / "song.mp3"
    path.write_bytes((quiet.read_bytes() + loud.read_bytes()).replace(b"Info", bytes(4)))

    assert decode_audio(path, sample_rate=RATE).size == pytest.approx(21 * RATE, rel=0.05)


def test_wma_protected_by_its_shop_is_named_as_such(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "song.wma", sound=tone(seconds=3, rate=44_100), rate=44_100)
    content = song.read_bytes()
    # A Content Encryption Object, ASF specification 3.14, appended to the header's objects.
    lock = (
        bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + (40).to_bytes(8, "little") + bytes(16)
    )
    size = int.from_bytes(content[16:24], "little")
    song.write_bytes(
        content[:16]
        + (size + len(lock)).to_bytes(8, "little")
        + (int.from_bytes(content[24:28], "little") + 1).to_bytes(4, "little")
        + content[28:size]
        + lock
        + content[size:]
    )

    with pytest.raises(AudioError, match="Windows Media DRM") as refused:
        decode_audio(song, sample_rate=RATE)
    assert refused.value.kind == "protected"


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
