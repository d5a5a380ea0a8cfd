import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from moodcue.errors import ModelError
from moodcue.model_folder import WEIGHTS
from moodcue.taxonomy import EMOTIONS
from moodcue_camera.generator import SHIPPED_GENERATOR, FaceGenerator, GreyFace, draw_person

MEGABYTES_4 = 4_000_000


@pytest.fixture(scope="module")
def generator() -> FaceGenerator:
    return FaceGenerator()


def face(generator: FaceGenerator, *, seed: int, **shares: float) -> GreyFace:
    emotion = np.array([shares.get(name, 0.0) for name in EMOTIONS], np.float32)
    return generator.face(draw_person(seed), emotion)


def test_a_seed_is_always_the_same_person_to_the_byte(generator: FaceGenerator) -> None:
    other = FaceGenerator()
    for seed in (0, 7, 2**32 - 1):
        one = face(generator, seed=seed, happiness=1)
        assert one.tobytes() == face(other, seed=seed, happiness=1).tobytes()


def test_another_seed_is_another_person(generator: FaceGenerator) -> None:
    faces = [face(generator, seed=seed, neutral=1).ravel() for seed in range(20)]
    alike = np.asarray(np.corrcoef(faces))[np.triu_indices(20, 1)]
    assert alike.max() < 0.97


def test_a_person_stays_more_like_themselves_than_like_others(generator: FaceGenerator) -> None:
    seeds = range(8)
    neutral = np.stack([face(generator, seed=seed, neutral=1).ravel() for seed in seeds])
    for name in ("happiness", "sadness", "anger"):
        shown = np.stack([face(generator, seed=seed, **{name: 1}).ravel() for seed in seeds])
        # What all of them do when they show it is not what makes a person.
        own = np.corrcoef(neutral - neutral.mean(0), shown - shown.mean(0))[:8, 8:]
        assert (own.argmax(axis=1) == np.arange(8)).all()


def test_from_one_emotion_to_another_a_face_changes_step_by_step(
    generator: FaceGenerator,
) -> None:
    shares = np.linspace(0, 1, 21)
    strip = [face(generator, seed=3, sadness=1 - share, happiness=share) for share in shares]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(strip)]
    whole = np.abs(strip[-1] - strip[0]).mean()
    assert whole > 0.05
    assert max(steps) < whole / 5


def test_the_weights_are_small() -> None:
    assert (SHIPPED_GENERATOR / WEIGHTS).stat().st_size <= MEGABYTES_4


def test_a_damaged_or_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        FaceGenerator(tmp_path)
    shutil.copytree(SHIPPED_GENERATOR, tmp_path, dirs_exist_ok=True)
    (tmp_path / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="export the model again"):
        FaceGenerator(tmp_path)
