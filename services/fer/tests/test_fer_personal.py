import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fer_pictures import astronaut, grey_astronaut, jpeg
from pydantic import ValidationError

from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.analysis import FittedReader
from moodcue_fer.app import build_reader
from moodcue_fer.cli import main
from moodcue_fer.faces import crop_face
from moodcue_fer.model import FerModel, Readings
from moodcue_fer.personal import (
    NeutralBaseline,
    baseline,
    load_baseline,
    neutral_weights,
    parse_shares,
    prior_weights,
    weighted,
)
from moodcue_fer.settings import FerSettings

SAD, NEUTRAL = EMOTIONS.index("sadness"), EMOTIONS.index("neutral")


def test_a_prior_correction_follows_bayes_rule() -> None:
    trained = np.full(7, 1 / 7)
    expected = np.array(parse_shares("neutral=0.4"))
    weights = prior_weights(trained=trained, expected=expected)
    even = np.full((1, 7), 1 / 7, dtype=np.float32)
    # An even reading says nothing, so what was expected remains.
    assert weighted(even, weights)[0] == pytest.approx(expected)
    sure = np.eye(7, dtype=np.float32)[[SAD]]
    assert weighted(sure, weights)[0, SAD] == pytest.approx(1)


def test_the_mix_that_was_trained_on_changes_nothing() -> None:
    rows = np.random.default_rng(1).dirichlet(np.ones(7), 5).astype(np.float32)
    mix = np.array(parse_shares("happiness=0.25,disgust=0.02"))
    same = weighted(rows, prior_weights(trained=mix, expected=mix))
    assert same == pytest.approx(rows, abs=1e-6)


def test_a_face_that_looks_sad_at_rest_is_read_as_neutral_with_its_own_baseline() -> None:
    usual = np.full(7, 0.05)
    usual[NEUTRAL] = 0.7
    own = np.full(7, 0.05)
    own[[SAD, NEUTRAL]] = (0.5, 0.25)
    rest = own[np.newaxis].astype(np.float32)
    full, half, none = (
        weighted(rest, neutral_weights(own=np.log(own), usual=np.log(usual), strength=strength))
        for strength in (1.0, 0.5, 0.0)
    )
    assert full[0] == pytest.approx(usual, abs=1e-6)
    assert own[SAD] > half[0, SAD] > usual[SAD]
    assert none == pytest.approx(rest)


def test_a_baseline_file_is_read_back_and_refused_for_another_model(tmp_path: Path) -> None:
    manifest = FerModel().manifest
    kept = NeutralBaseline(
        model_sha256=manifest.sha256, faces=12, log_probabilities=(-2.0,) * 6 + (-0.3,)
    )
    path = tmp_path / "me.json"
    path.write_bytes(msgspec.json.encode(kept))
    assert load_baseline(path, manifest=manifest).tolist() == list(kept.log_probabilities)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(kept, model_sha256="0" * 64)))
    with pytest.raises(MoodcueError, match="another model than fer-cnn"):
        load_baseline(path, manifest=manifest)
    path.write_text("{}")
    with pytest.raises(MoodcueError, match="is no neutral baseline"):
        load_baseline(path, manifest=manifest)
    with pytest.raises(MoodcueError, match="No such file"):
        load_baseline(tmp_path / "missing.json", manifest=manifest)


def test_a_baseline_is_the_mean_of_the_logarithms_and_needs_a_face() -> None:
    rows = np.array([[0.2] * 5 + [0.0, 0.0], [0.1] * 5 + [0.25, 0.25]], dtype=np.float32)
    assert baseline(rows)[0] == pytest.approx(np.log([0.2, 0.1]).mean())
    assert np.isfinite(baseline(rows)).all()
    with pytest.raises(ValueError, match="no face was read"):
        baseline(np.zeros((0, 7), dtype=np.float32))


def test_shares_that_are_not_named_are_spread_evenly() -> None:
    shares = parse_shares("happiness=0.4, neutral=0.5")
    assert sum(shares) == pytest.approx(1)
    assert shares[EMOTIONS.index("happiness")] == 0.4
    assert shares[SAD] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("joy=0.3", "'joy=0.3': write each of anger"),
        ("fear=0.2,fear=0.3", "'fear=0.3': write each of anger"),
        ("fear=much", "'fear=much': write a share from 0 to 1"),
        ("fear=nan", "'fear=nan': write a share"),
        ("fear=1.2", "'fear=1.2': write a share"),
        ("fear=0.7,anger=0.7", "sum to 1.4"),
        (",".join(f"{name}=0.1" for name in EMOTIONS), "sum to 0.7"),
        ("", "'': write each"),
    ],
)
def test_shares_that_cannot_be_used_are_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_shares(text)


class Even:
    """A reader that says every emotion is as likely as the others."""

    def read(self, crops: np.ndarray) -> Readings:
        """Read as many faces as there are crops."""
        even = np.full((len(crops), 7), 1 / 7, dtype=np.float32)
        return Readings(probabilities=even, frontality=np.full(len(crops), 0.8, np.float32))


def test_a_fitted_reader_weighs_probabilities_and_keeps_the_rest() -> None:
    weights = np.array([1, 1, 1, 2, 1, 1, 1], dtype=np.float64)
    readings = FittedReader(Even(), weights).read(np.zeros((2, 48, 48), np.uint8))
    assert readings.probabilities[1].tolist() == pytest.approx([1 / 8] * 3 + [2 / 8] + [1 / 8] * 3)
    assert readings.frontality == pytest.approx([0.8, 0.8])
    assert FittedReader(Even(), weights).read(np.zeros((0, 48, 48), np.uint8)).frontality.size == 0


def test_nothing_is_fitted_unless_it_is_asked_for() -> None:
    assert isinstance(build_reader(FerSettings()), FerModel)
    assert isinstance(build_reader(FerSettings(expected_mix="neutral=0.7")), FittedReader)


def test_a_mix_that_cannot_be_is_refused_with_the_settings() -> None:
    with pytest.raises(ValidationError, match=r"'joy=0\.5': write each of anger"):
        FerSettings(expected_mix="joy=0.5")


def test_some_pictures_of_oneself_become_a_baseline_that_the_worker_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = tmp_path / "me", tmp_path / "me.json"
    pictures.mkdir()
    for name in ("1.jpg", "2.jpg"):
        (pictures / name).write_bytes(jpeg(astronaut()))
    (pictures / "3.jpg").write_bytes(jpeg(np.full((200, 200, 3), 90, np.uint8)))
    assert main(["baseline", str(pictures), "--out", str(out)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["frames"], record["faces"]) == (3, 2)
    assert max(record["read_as"], key=record["read_as"].get) == "happiness"
    crop = crop_face(grey_astronaut(), (174, 64, 98, 98))[np.newaxis]
    plain = FerModel().read(crop).probabilities[0]
    fitted = build_reader(FerSettings(neutral_baseline=out, neutral_strength=1.0))
    # Who smiles at rest is neutral when smiling.
    place = int(fitted.read(crop).probabilities[0].argmax())
    assert EMOTIONS[int(plain.argmax())] == "happiness"
    assert EMOTIONS[place] == "neutral"


def test_pictures_without_a_face_make_no_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wall.jpg").write_bytes(jpeg(np.full((200, 200, 3), 90, np.uint8)))
    assert main(["baseline", str(tmp_path), "--out", str(tmp_path / "me.json")]) == 1
    assert "none of 1 frames shows a face that can be read" in capsys.readouterr().err
    assert not (tmp_path / "me.json").exists()
