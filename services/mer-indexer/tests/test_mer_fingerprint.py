from pathlib import Path

import numpy as np
import pytest
import soxr
from mer_sounds import write_audio
from numpy.typing import NDArray

from moodcue.library_index import read_manifest
from moodcue.songs import open_songs
from moodcue_mer_indexer.audio import decode_audio
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.fingerprint import (
    SAME_BELOW,
    FingerprintMeter,
    bit_error_rate,
    recordings,
)
from moodcue_mer_indexer.model import shipped_model_folder

RATE = 16_000


def music(seed: int, *, seconds: int = 40) -> NDArray[np.float32]:
    """Make notes of changing pitch and loudness, shape ``(samples,)``."""
    random = np.random.default_rng(seed)
    notes = []
    for _ in range(seconds * 4):
        times = np.arange(RATE // 4) / RATE
        chord = random.uniform(150, 2200, 4)
        wave = np.sin(2 * np.pi * chord[:, None] * times).T @ random.uniform(0, 1, 4)
        notes.append(wave * np.exp(-times * random.uniform(1, 12)))
    sound = np.concatenate(notes) + random.normal(0, 0.01, seconds * RATE)
    return (0.2 * sound).astype(np.float32)


def fingerprint(samples: NDArray[np.float32]) -> bytes:
    meter = FingerprintMeter(sample_rate=RATE)
    for _ in meter.samples(np.array_split(samples, 50)):
        pass
    return meter.result()


def of_file(path: Path) -> bytes:
    return fingerprint(decode_audio(path, sample_rate=RATE))


@pytest.mark.parametrize(
    ("suffix", "rate", "start_seconds"),
    [(".mp3", 44_100, 0), (".opus", 48_000, 0), (".m4a", 22_050, 0), (".ogg", 44_100, 1.37)],
)
def test_a_recording_is_known_again_in_another_encoding(
    tmp_path: Path, suffix: str, rate: int, start_seconds: float
) -> None:
    sound = music(1)
    copied = soxr.resample(0.4 * sound[int(start_seconds * RATE) :], RATE, rate)
    path = write_audio(tmp_path / f"copy{suffix}", sound=copied[:, None], rate=rate)

    first, second = fingerprint(sound), of_file(path)

    assert len(first) <= 2000
    assert bit_error_rate(first, second) < SAME_BELOW
    assert recordings([first, second], seconds=[40, 40 - start_seconds]) == [[0, 1]]


def test_copies_of_real_music_are_known_again_and_different_tracks_are_not(
    shared_data: Path, tmp_path: Path
) -> None:
    tracks = sorted((shared_data / "music").glob("*.opus"))[::12]
    originals, copies = [], []
    for track in tracks:
        sound = decode_audio(track, sample_rate=44_100)[:, None]
        originals.append(of_file(track))
        for name, heard in (("whole", sound), ("cut", sound[50_000:])):
            path = write_audio(tmp_path / f"{track.stem} {name}.mp3", sound=heard, rate=44_100)
            copies.append(of_file(path))

    groups = recordings([*originals, *copies], seconds=[0.0] * (len(originals) + len(copies)))

    count = len(tracks)
    assert groups == [[n, count + 2 * n, count + 2 * n + 1] for n in range(count)]


def test_other_music_differs_in_about_half_of_the_bits() -> None:
    prints = [fingerprint(music(seed)) for seed in range(6)]

    rates = [bit_error_rate(a, b) for i, a in enumerate(prints) for b in prints[i + 1 :]]

    assert min(rates) > 0.4
    assert recordings(prints, seconds=[40] * 6) == []


def test_a_second_of_silence_before_the_music_changes_nothing() -> None:
    sound = music(2)
    silence = np.zeros(RATE, dtype=np.float32)

    assert fingerprint(np.concatenate([silence, sound])) == fingerprint(sound)


def test_a_longer_version_and_too_short_sounds_are_songs_of_their_own() -> None:
    song, jingle = fingerprint(music(3)), fingerprint(music(4, seconds=4))

    assert recordings([song, song], seconds=[200, 300]) == []
    assert recordings([song, song], seconds=[200, 0]) == [[0, 1]]
    assert recordings([jingle, jingle], seconds=[4, 4]) == []
    assert fingerprint(np.zeros(60 * RATE, dtype=np.float32)) == b""


# Two million comparisons would take a quarter of an hour.
def test_grouping_grows_with_the_songs_and_not_with_their_square() -> None:
    random = np.random.default_rng(0)
    prints = [random.bytes(1920) for _ in range(2000)]
    prints += [prints[0], prints[7]]

    assert recordings(prints, seconds=[100] * len(prints)) == [[0, 2000], [7, 2001]]


def test_a_build_folds_copies_into_the_best_file_and_says_how_many(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    song, other = music(1, seconds=20)[:, None], music(2, seconds=20)[:, None]
    write_audio(folder / "a copy.mp3", sound=song, rate=RATE)
    write_audio(folder / "b copy.opus", sound=song, rate=RATE)
    write_audio(folder / "original.flac", sound=song, rate=RATE)
    write_audio(folder / "other.flac", sound=other, rate=RATE)

    report = build_index(
        folder, index=tmp_path / "index", model_folder=shipped_model_folder(), workers=1
    )

    assert (report.folded, report.manifest.songs) == (2, 2)
    songs = list(open_songs(tmp_path / "index", read_manifest(tmp_path / "index")))
    (best,) = [song for song in songs if song.duplicates]
    assert best.path == "original.flac"
    assert sorted(best.duplicates) == ["a copy.mp3", "b copy.opus"]
    assert best.tags.codec == "flac"
