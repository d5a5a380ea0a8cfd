from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from mer_datasets import make_dataset
from numpy.typing import NDArray

pytest.importorskip("sklearn")

from moodcue_mer_indexer.dataset import load_dataset
from moodcue_mer_indexer.labels import DatasetError
from moodcue_mer_indexer.training.baselines import (
    classify_by_svm,
    hand_features,
    load_hand_features,
    most_frequent,
    read_features,
)

RATE = 22_050


def certain(quadrants: Sequence[int]) -> NDArray[np.float32]:
    return np.eye(4, dtype=np.float32)[quadrants]


def test_hand_features_say_how_bright_and_in_which_pitch_a_tone_is() -> None:
    times = np.arange(3 * RATE) / RATE
    features = hand_features(np.sin(2 * np.pi * 440 * times).astype(np.float32), sample_rate=RATE)

    means, deviations = features[:17], features[17:34]
    assert features.shape == (35,)
    assert means[:12].argmax() == 9
    assert means[12] == pytest.approx(440, rel=0.05)
    # A Hann window takes 3/8 of the power.
    assert means[15] == pytest.approx(np.sqrt(0.5 * 3 / 8), rel=0.05)
    assert means[16] == pytest.approx(2 * 440 / RATE, rel=0.05)
    assert deviations[12] < 0.1 * means[12]


def test_hand_features_hear_the_tempo() -> None:
    clicks = np.zeros(12 * RATE, dtype=np.float32)
    clicks[:: RATE // 2] = 1
    smeared = np.convolve(clicks, np.exp(-np.arange(400) / 80), mode="same").astype(np.float32)

    assert hand_features(smeared, sample_rate=RATE)[-1] == pytest.approx(120, rel=0.03)


def test_hand_features_are_computed_once(tmp_path: Path) -> None:
    songs = load_dataset(make_dataset(tmp_path / "data", songs=4))
    cache = tmp_path / "cache"

    first = load_hand_features(songs, cache=cache, workers=1)
    written = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    second = load_hand_features(songs, cache=cache, workers=1)

    assert first.shape == (4, 35)
    np.testing.assert_array_equal(first, second)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == written


def test_an_svm_finds_what_separates_the_quadrants() -> None:
    generator = np.random.default_rng(0)
    quadrants = [number % 4 for number in range(40)]
    # One feature is a thousand times as large, and says nothing.
    features = np.stack(
        [*certain(quadrants).T, generator.normal(0, 1000, 40)], axis=1
    ) + generator.normal(0, 0.05, (40, 5))

    answers = classify_by_svm(features, truth=np.asarray(quadrants), folds=np.arange(40) // 8)

    assert (answers.argmax(axis=1) == quadrants).mean() > 0.9
    np.testing.assert_array_equal(answers.sum(axis=1), 1)


def test_an_svm_never_learns_from_the_fold_that_it_judges() -> None:
    # Q4 is in fold 0 alone: only who has seen fold 0 knows that it exists.
    quadrants = [3] * 6 + [0, 1, 2] * 6
    folds = np.array([0] * 6 + [1] * 9 + [2] * 9)
    features = certain(quadrants).astype(np.float64)

    answers = classify_by_svm(features, truth=np.asarray(quadrants), folds=folds)

    assert 3 not in answers[folds == 0].argmax(axis=1)


def test_the_most_frequent_quadrant_is_counted_in_the_other_folds() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    folds = np.array([0, 0, 0, 1, 1, 1])

    answers = most_frequent(truth, folds=folds)

    assert answers.argmax(axis=1).tolist() == [1, 1, 1, 0, 0, 0]


def test_a_table_of_features_is_read_without_its_answers(tmp_path: Path) -> None:
    songs = load_dataset(make_dataset(tmp_path, songs=2, seconds=1))
    table = tmp_path / "features.csv"
    table.write_text("SongID,a,Quadrant,b\n01,3,Q2,4\n00,1,Q1,2\n99,0,Q1,0\n")

    np.testing.assert_array_equal(read_features(table, songs=songs), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SongID,a\n00,1\n", r"lacks 1 songs, the first is '01\.flac'"),
        ("SongID,a\n00,1\n01,loud\n", "no number.*'loud'"),
        ("Song,a\n00,1\n", "lacks the columns SongID"),
    ],
)
def test_a_table_without_a_song_or_a_number_is_an_error(
    tmp_path: Path, text: str, reason: str
) -> None:
    songs = load_dataset(make_dataset(tmp_path, songs=2, seconds=1))
    table = tmp_path / "features.csv"
    table.write_text(text)

    with pytest.raises(DatasetError, match=reason):
        read_features(table, songs=songs)
