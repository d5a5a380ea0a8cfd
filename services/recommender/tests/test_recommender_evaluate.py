import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from moodcue.taxonomy import EMOTIONS, Emotion, dominant_emotion, quadrant_of
from moodcue_recommender.cli import main
from moodcue_recommender.evaluate import (
    AGREEING,
    Answered,
    LabelsError,
    agreement,
    evaluate,
    read_labels,
    responsiveness,
    risk_coverage,
    shared_by_opposites,
)
from moodcue_recommender.listeners import CONFUSION, SimulatedWindow, clear_face, simulate
from moodcue_recommender.picture import draw_risk_coverage
from moodcue_recommender.sample_library import random_songs, write_library

SONGS = random_songs(120, seed=3)
RIGHT = {song.path: quadrant_of(valence=song.valence, arousal=song.arousal) for song in SONGS}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    write_library(folder, SONGS, generation="first")
    return folder


def face(emotion: Emotion, share: float) -> SimulatedWindow:
    rest = (1 - share) / 6
    probabilities = tuple(share if name == emotion else rest for name in EMOTIONS)
    return SimulatedWindow(emotion, probabilities, confidence=share)


def test_the_same_seed_gives_the_same_listener_and_another_seed_another() -> None:
    assert simulate(50, seed=1) == simulate(50, seed=1)
    assert simulate(50, seed=1) != simulate(50, seed=2)


def test_a_listener_is_neutral_most_of_the_time_and_shows_every_emotion() -> None:
    windows = simulate(3000, seed=5)
    felt = Counter(window.felt for window in windows)
    assert 0.4 < felt[Emotion.NEUTRAL] / len(windows) < 0.65
    assert felt.keys() == set(Emotion)
    for window in windows:
        assert math.isclose(sum(window.probabilities), 1, abs_tol=1e-9)
        assert 0 <= window.confidence <= 1


def test_moods_change_smoothly() -> None:
    windows = simulate(1000, seed=2)
    same = sum(one.felt == other.felt for one, other in pairwise(windows))
    assert same / len(windows) > 0.8


def test_a_face_that_is_read_is_mistaken_as_often_as_the_network_mistakes_it() -> None:
    windows = [w for w in simulate(20_000, seed=9) if w.felt is Emotion.HAPPINESS]
    right = np.mean([dominant_emotion(w.probabilities) == w.felt for w in windows])
    row = CONFUSION[Emotion.HAPPINESS]
    recall = row[EMOTIONS.index(Emotion.HAPPINESS)] / sum(row)
    # Less, as a face shows its mood with delay and not all the time.
    assert 0.6 < right < recall


@pytest.mark.parametrize("emotion", list(Emotion))
def test_a_clear_face_shows_its_emotion_most_and_next_what_it_is_mistaken_for(
    emotion: Emotion,
) -> None:
    face = dict(zip(EMOTIONS, clear_face(emotion), strict=True))
    mistaken = dict(zip(EMOTIONS, CONFUSION[emotion], strict=True))
    assert max(face, key=face.__getitem__) == emotion
    others = set(EMOTIONS) - {emotion}
    assert max(others, key=face.__getitem__) == max(others, key=mistaken.__getitem__)
    assert math.isclose(sum(face.values()), 1)


def test_agreement_counts_the_songs_whose_label_fits_what_is_shown() -> None:
    labels = {1: "Q1", 2: "Q1", 3: "Q3", 4: "Q4"}
    stream = [
        Answered(face(Emotion.HAPPINESS, 0.8), (1, 2, 3)),
        Answered(face(Emotion.SADNESS, 0.8), (3, 4, 5)),
    ]
    found = agreement(stream, labels)
    assert found["by_emotion"]["happiness"] == {"windows": 1, "agreement": 0.6667}
    assert found["by_emotion"]["sadness"] == {"windows": 1, "agreement": 0.5}
    assert (found["mean"], found["worst"]) == (0.5833, 0.5)
    low, high = found["mean_interval_95"]
    assert low < found["mean"] < high


def test_doubtful_windows_that_are_held_raise_the_agreement_of_the_others() -> None:
    wrong = SimulatedWindow(Emotion.HAPPINESS, face(Emotion.SADNESS, 0.3).probabilities, 0.3)
    stream = [Answered(face(Emotion.HAPPINESS, 0.9), (1,)), Answered(wrong, (2,))]
    points = risk_coverage(stream, {1: "Q1", 2: "Q3"})
    assert points[0] == {
        "min_confidence": 0.0,
        "answered": 1.0,
        "agreement": 0.5,
        "read_right": 0.5,
    }
    assert points[-1]["answered"] == 0.5
    assert points[-1]["agreement"] == points[-1]["read_right"] == 1.0


def test_distances_and_shared_songs_are_those_of_the_sets() -> None:
    fresh = {
        "happiness": [frozenset({1, 2}), frozenset({2, 3})],
        "sadness": [frozenset({3, 4})],
        "anger": [],
        "neutral": [],
    }
    found = responsiveness(fresh)
    assert found == {"different_emotions": 0.8333, "same_emotion": 0.6667}
    assert shared_by_opposites(fresh) == 1


def test_where_labels_are_what_the_library_says_songs_agree_and_where_they_are_not_they_do_not(
    index: Path,
) -> None:
    turned = {"Q1": "Q3", "Q2": "Q4", "Q3": "Q1", "Q4": "Q2"}
    opposite = {path: turned[quadrant] for path, quadrant in RIGHT.items()}
    right, wrong = (
        evaluate(index, labels, windows=60, seed=1, steady_windows=4)
        for labels in (RIGHT, opposite)
    )
    plane = right["matchings"]["plane, rules"]
    assert plane["agreement_at_5"]["mean"] > 0.85
    assert wrong["matchings"]["plane, rules"]["agreement_at_5"]["mean"] < 0.2
    assert plane["calm_share_when_calm"] > 0.8
    assert plane["songs_shared_by_opposites"] == 0
    assert plane["responsiveness"]["different_emotions"] > plane["responsiveness"]["same_emotion"]
    assert plane["coverage"] > right["matchings"]["plane, nearest songs alone"]["coverage"]
    assert plane["hub_share"] < right["matchings"]["plane, nearest songs alone"]["hub_share"]
    assert right["matchings"].keys() == {
        f"{matching}, {rules}"
        for matching in ("plane", "cosine")
        for rules in ("rules", "nearest songs alone")
    }
    assert plane["steadiness"].keys() == set(EMOTIONS)


def test_every_emotion_agrees_with_a_quadrant() -> None:
    assert AGREEING.keys() == set(Emotion)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("file,quadrant\na.mp3,Q7\n", "line 2: file 'a.mp3' with quadrant 'Q7'"),
        ("song,quadrant\na.mp3,Q1\n", "line 2: file None"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_with_what_is_wrong(
    tmp_path: Path, text: str | None, words: str
) -> None:
    table = tmp_path / "labels.csv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(LabelsError, match=words):
        read_labels(table)


def test_labels_of_other_songs_are_refused(index: Path) -> None:
    with pytest.raises(LabelsError, match="no song of the library is in the table"):
        evaluate(index, {"elsewhere.mp3": "Q1"}, windows=5, seed=1)


def test_the_command_prints_the_figures_and_draws_the_picture(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,quadrant\n" + "".join(f"{p},{q}\n" for p, q in RIGHT.items()))
    picture = tmp_path / "risk.svg"
    command = ["evaluate", "--library", str(index), "--labels", str(table), "--windows", "20"]
    assert main([*command, "--steady-windows", "3", "--picture", str(picture)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["songs"], figures["labelled"], figures["windows"]) == (120, 120, 20)
    drawn = ET.fromstring(picture.read_text())  # noqa: S314 - our own picture
    assert len(drawn.findall("{*}polyline")) == 2
    nowhere = str(tmp_path / "nowhere" / "risk.svg")
    assert main([*command, "--steady-windows", "3", "--picture", nowhere]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == figures
    assert "No such file or directory" in captured.err


def test_the_picture_has_both_curves_over_the_windows_that_are_answered() -> None:
    points = [
        {"min_confidence": 0.0, "answered": 1.0, "agreement": 0.5, "read_right": 0.6},
        {"min_confidence": 0.5, "answered": 0.5, "agreement": 0.7, "read_right": 0.9},
    ]
    drawn = ET.fromstring(draw_risk_coverage(points))  # noqa: S314 - our own picture
    curves = [line.attrib["points"].split() for line in drawn.findall("{*}polyline")]
    assert [len(curve) for curve in curves] == [2, 2]
    for curve in curves:
        (x0, y0), (x1, y1) = (map(float, corner.split(",")) for corner in curve)
        assert x1 < x0
        assert y1 < y0
