import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from moodcue_mer_indexer.features import FactsMeter, SongFacts, song_facts
from moodcue_mer_indexer.mel import MelSettings, stream_log_mel

librosa = pytest.importorskip("librosa")

RATE = 16_000
COARSE = MelSettings(
    sample_rate=RATE,
    n_fft=1024,
    hop_length=512,
    n_mels=64,
    fmin=30.0,
    fmax=8_000.0,
    patch_frames=256,
)
FINE = MelSettings(
    sample_rate=RATE,
    n_fft=512,
    hop_length=256,
    n_mels=96,
    fmin=0.0,
    fmax=8_000.0,
    patch_frames=187,
)
SEMITONES = {"C": 0, "D": 2, "Eb": 3, "F#": 6, "A": 9, "B": 11}


def facts_of(
    samples: NDArray[np.float32], *, settings: MelSettings = FINE, block: int = 8000
) -> SongFacts:
    blocks = (samples[start : start + block] for start in range(0, samples.size, block))
    return song_facts(blocks, mel=settings)


def noise(seconds: float, *, level: float = 0.1, seed: int = 0) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, level, int(seconds * RATE)).astype(np.float32)


def sine(hertz: float, *, seconds: float = 3.0, level: float = 0.5) -> NDArray[np.float32]:
    times = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(bpm: float, *, seconds: float = 20.0) -> NDArray[np.float32]:
    track = noise(seconds, level=0.001)
    click = noise(0.05, level=0.3, seed=1) * np.exp(-np.arange(800) / 150).astype(np.float32)
    for beat in np.arange(0.1, seconds - 0.1, 60 / bpm):
        start = int(beat * RATE)
        track[start : start + click.size] += click
    return track


def chord(tonic: int, *, minor: bool, seconds: float = 1.0) -> NDArray[np.float32]:
    """Make a triad of tones with five harmonics each; tonic in semitones above C."""
    total = np.zeros(int(seconds * RATE), dtype=np.float32)
    for step in (0, 3 if minor else 4, 7):
        pitch = 261.63 * 2 ** ((tonic + step) / 12)
        for harmonic in range(1, 6):
            total += sine(harmonic * pitch, seconds=seconds, level=0.1 / harmonic)
    return total


def cadence(tonic: int, *, minor: bool) -> NDArray[np.float32]:
    """Make tonic, subdominant, dominant, tonic."""
    steps = ((0, minor), (5, minor), (7, False), (0, minor))
    return np.concatenate([chord(tonic + step, minor=sad) for step, sad in steps])


@pytest.mark.parametrize("settings", [COARSE, FINE])
@pytest.mark.parametrize("bpm", [50, 60, 75, 90, 105, 120, 135, 150])
def test_the_tempo_of_a_click_track_is_its_own_and_not_half_or_twice_of_it(
    settings: MelSettings, bpm: float
) -> None:
    assert facts_of(clicks(bpm), settings=settings).tempo_bpm == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("bpm", [80, 120])
def test_softer_clicks_between_the_beats_do_not_double_the_tempo(bpm: float) -> None:
    track = clicks(bpm)
    between = int(60 / bpm / 2 * RATE)
    track[between:] += 0.1 * track[:-between]

    assert facts_of(track).tempo_bpm == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("sound", [noise(20), sine(440, seconds=20), clicks(120, seconds=4)])
def test_without_a_pulse_or_the_time_to_hear_one_there_is_no_tempo(
    sound: NDArray[np.float32],
) -> None:
    assert facts_of(sound).tempo_bpm is None


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("tonic", SEMITONES)
def test_a_cadence_is_in_its_key(tonic: str, *, minor: bool) -> None:
    found = facts_of(cadence(SEMITONES[tonic], minor=minor)).key

    expected = {"Eb": "D#"}.get(tonic, tonic)
    assert found == f"{expected} {'minor' if minor else 'major'}"


def test_noise_is_in_no_key() -> None:
    assert facts_of(noise(20)).key is None


def test_loudness_is_relative_to_full_scale() -> None:
    assert facts_of(sine(440, level=1.0)).loudness_dbfs == pytest.approx(-3.01, abs=0.01)
    assert facts_of(np.ones(RATE, dtype=np.float32)).loudness_dbfs == pytest.approx(0)


def test_a_tone_crosses_zero_twice_per_period_and_is_as_bright_as_its_pitch() -> None:
    facts = facts_of(sine(1000))

    assert facts.zero_crossings == pytest.approx(2000, rel=0.01)
    assert facts.centroid_hertz == pytest.approx(1000, rel=0.02)
    assert facts.roll_off_hertz == pytest.approx(1000, abs=8)


def test_brightness_is_that_of_librosa() -> None:
    sound = np.convolve(noise(10), [0.5, 0.3, 0.2], mode="same").astype(np.float32)
    spectra = np.abs(librosa.stft(sound, n_fft=4096, hop_length=4096, center=False))

    facts = facts_of(sound)

    measured = (facts.centroid_hertz, facts.bandwidth_hertz, facts.roll_off_hertz)
    expected = (
        librosa.feature.spectral_centroid(S=spectra, sr=RATE).mean(),
        librosa.feature.spectral_bandwidth(S=spectra, sr=RATE).mean(),
        librosa.feature.spectral_rolloff(S=spectra, sr=RATE).mean(),
    )
    assert measured == pytest.approx(expected, rel=1e-4)


def test_silence_has_no_facts_but_that_nothing_crosses_zero() -> None:
    for silence in (np.zeros(0, dtype=np.float32), np.zeros(8 * RATE, dtype=np.float32)):
        assert facts_of(silence) == SongFacts(
            loudness_dbfs=None,
            centroid_hertz=None,
            bandwidth_hertz=None,
            roll_off_hertz=None,
            zero_crossings=None,
            tempo_bpm=None,
            key=None,
        )


def test_silence_around_a_song_does_not_change_how_bright_it_is() -> None:
    pause = np.zeros(4096 * 8, dtype=np.float32)
    sound = noise(8.192)

    alone, framed = facts_of(sound), facts_of(np.concatenate([pause, sound, pause]))

    assert framed.centroid_hertz == pytest.approx(alone.centroid_hertz)
    assert framed.loudness_dbfs is not None
    assert alone.loudness_dbfs is not None
    assert framed.loudness_dbfs < alone.loudness_dbfs


@pytest.mark.parametrize("block", [1, 999, 4096, 300_000])
def test_the_size_of_the_blocks_changes_nothing(block: int) -> None:
    song = clicks(120, seconds=6.0)

    expected, found = facts_of(song, block=8000), facts_of(song, block=block)

    assert found.key == expected.key
    for name in ("loudness_dbfs", "centroid_hertz", "zero_crossings", "tempo_bpm"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-4), name


def test_memory_does_not_grow_with_the_length_of_a_song() -> None:
    meter = FactsMeter(mel=FINE)
    second = noise(1)
    (frames,) = stream_log_mel([second], settings=FINE)

    def play(seconds: int) -> int:
        for _ in range(seconds):
            meter.add_samples(second)
            meter.add_spectrogram(frames)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        after_a_minute = play(60)
        after_ten = play(540)
    finally:
        tracemalloc.stop()

    # Less than a second of samples; what is kept for a segment of the pulse varies.
    assert after_ten - after_a_minute < 50_000
