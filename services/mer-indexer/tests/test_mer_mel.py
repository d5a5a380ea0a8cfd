import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from moodcue_mer_indexer.mel import (
    MelSettings,
    cut_patches,
    cut_windows,
    evenly_spaced,
    filter_bank,
    log_mel,
    patch_of,
    stream_log_mel,
)

librosa = pytest.importorskip("librosa")

SETTINGS = MelSettings(
    sample_rate=16_000,
    n_fft=1024,
    hop_length=512,
    n_mels=64,
    fmin=30.0,
    fmax=8_000.0,
    patch_frames=32,
)

FINE = MelSettings(
    sample_rate=16_000,
    n_fft=512,
    hop_length=256,
    n_mels=96,
    fmin=30.0,
    fmax=8_000.0,
    patch_frames=512,
)
LINEAR = msgspec.structs.replace(SETTINGS, n_mels=128, fmin=0.0, scale="linear")

GOLDEN_TONE = [-80.0, -80.0, 13.072, 26.311, 18.545, -80.0, -80.0]
GOLDEN_NOISE = [-6.781, -7.111, -6.847, -6.734, -6.604, -6.253, -6.338]


def sine(hertz: float, *, seconds: float = 2.0) -> NDArray[np.float32]:
    times = np.arange(int(seconds * SETTINGS.sample_rate)) / SETTINGS.sample_rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(size: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 0.1, size).astype(np.float32)


def test_golden_values_of_a_tone() -> None:
    spectrogram = log_mel(sine(1000.0), settings=SETTINGS)

    assert spectrogram.shape == (64, 61)
    assert spectrogram.mean(axis=1).argmax() == 20
    np.testing.assert_allclose(
        spectrogram[[0, 10, 19, 20, 21, 40, 63], 30],
        GOLDEN_TONE,
        atol=0.05,
    )


def test_golden_values_of_noise() -> None:
    spectrogram = log_mel(noise(32_000), settings=SETTINGS)

    np.testing.assert_allclose(
        spectrogram.mean(axis=1)[[0, 10, 20, 30, 40, 50, 63]], GOLDEN_NOISE, atol=0.05
    )


@pytest.mark.parametrize("settings", [SETTINGS, FINE])
def test_the_mel_spectrogram_is_that_of_librosa(settings: MelSettings) -> None:
    samples = noise(48_000) * np.linspace(0, 1, 48_000, dtype=np.float32)
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        center=False,
    )

    found = log_mel(samples, settings=settings)

    expected = librosa.power_to_db(power, amin=1e-8, top_db=None)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("settings", [SETTINGS, FINE])
def test_the_filter_bank_is_that_of_librosa(settings: MelSettings) -> None:
    expected = librosa.filters.mel(
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
    )

    np.testing.assert_allclose(filter_bank(settings), expected, atol=1e-8)


def test_linear_bands_are_equally_wide_and_hear_a_tone_where_it_is() -> None:
    spectrogram = log_mel(sine(4031.0), settings=LINEAR)

    # Centres are 8000 / 129 Hz apart, the first one that far above 0.
    assert spectrogram.shape[0] == 128
    assert spectrogram.mean(axis=1).argmax() == 64
    widths = (filter_bank(LINEAR) > 0).sum(axis=1)
    assert widths.max() - widths.min() <= 1


def test_settings_written_before_there_were_scales_are_mel() -> None:
    written: dict[str, Any] = msgspec.to_builtins(SETTINGS)
    del written["scale"]

    assert msgspec.convert(written, MelSettings) == SETTINGS


def test_an_unknown_scale_is_refused() -> None:
    written = msgspec.to_builtins(SETTINGS) | {"scale": "bark"}

    with pytest.raises(msgspec.ValidationError, match="bark"):
        msgspec.convert(written, MelSettings)


def test_a_spectrogram_needs_neither_librosa_nor_numba() -> None:
    program = (
        "import sys, numpy, moodcue_mer_indexer.mel as mel\n"
        "settings = mel.MelSettings(sample_rate=16000, n_fft=512, hop_length=256, n_mels=64,"
        " fmin=30.0, fmax=8000.0, patch_frames=64)\n"
        "mel.log_mel(numpy.zeros(4096, numpy.float32), settings=settings)\n"
        "print({'librosa', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_silence_is_the_floor() -> None:
    silence = log_mel(np.zeros(4096, dtype=np.float32), settings=SETTINGS)

    np.testing.assert_allclose(silence, -80.0)


def test_twice_the_amplitude_is_six_decibels_more() -> None:
    quiet = noise(16_000)

    difference = log_mel(2 * quiet, settings=SETTINGS) - log_mel(quiet, settings=SETTINGS)

    np.testing.assert_allclose(difference, 20 * np.log10(2), atol=0.01)


@pytest.mark.parametrize("block", [100, 1024, 16_000, 200_000])
@pytest.mark.parametrize("size", [1024, 20_000, 16_896, 90_001])
def test_a_stream_gives_the_spectrogram_of_the_whole(block: int, size: int) -> None:
    samples = noise(size)
    blocks = [samples[i : i + block] for i in range(0, size, block)]

    pieces = list(stream_log_mel(blocks, settings=SETTINGS))

    np.testing.assert_allclose(
        np.concatenate(pieces, axis=1), log_mel(samples, settings=SETTINGS), atol=1e-3
    )


def test_a_stream_shorter_than_a_window_has_no_spectrogram() -> None:
    assert list(stream_log_mel([noise(1023)], settings=SETTINGS)) == []


def frames(count: int) -> NDArray[np.float32]:
    return np.arange(count, dtype=np.float32)[None, :]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (4, [[0, 1, 2, 3]]),
        (8, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (10, [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]),
        (3, [[0, 1, 2, 0]]),
        (1, [[0, 0, 0, 0]]),
        (0, []),
    ],
)
def test_patches_cover_all_frames_and_have_one_length(
    count: int, expected: list[list[int]]
) -> None:
    whole = [patch[0].tolist() for patch in cut_patches([frames(count)], frames=4)]
    single = [frames(count)[:, i : i + 1] for i in range(count)]

    assert whole == expected
    assert [patch[0].tolist() for patch in cut_patches(single, frames=4)] == expected


@pytest.mark.parametrize(
    ("count", "step"),
    [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (16, 4), (17, 6), (1000, 256)],
)
def test_windows_are_chosen_in_equal_steps_from_the_first_one_on(count: int, step: int) -> None:
    windows = [frames(place + 1)[0, place:] for place in range(count)]

    chosen, found = evenly_spaced(iter(windows), at_most=4)

    assert found == step
    assert [int(window[0]) for window in chosen] == list(range(count))[::step]
    assert min(count, 3) <= len(chosen) <= 4


@pytest.mark.parametrize("samples", [1023, 1024, 5000, 16_000, 40_000, 130_000])
def test_windows_of_samples_give_the_patches_of_the_spectrogram(samples: int) -> None:
    sound = noise(samples)
    pieces = stream_log_mel([sound], settings=SETTINGS)
    expected = list(cut_patches(pieces, frames=SETTINGS.patch_frames))

    windows = list(cut_windows(np.array_split(sound, 7), settings=SETTINGS))

    patches = [patch_of(window, settings=SETTINGS) for window in windows]
    assert len(patches) == len(expected)
    for patch, wanted in zip(patches, expected, strict=True):
        np.testing.assert_allclose(patch, wanted, atol=1e-3)
