from pathlib import Path

import msgspec
import numpy as np
import pytest

from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.model import FerModel
from moodcue_fer.personal import (
    NeutralBaseline,
    baseline,
    load_baseline,
    neutral_weights,
    parse_shares,
    prior_weights,
    weighted,
)

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
