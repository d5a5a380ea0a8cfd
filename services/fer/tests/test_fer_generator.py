import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from moodcue.model_folder import load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.cli import main
from moodcue_fer.generator import draw_person, pure
from moodcue_fer.training.generator.alignment import Matrices, refine_placements
from moodcue_fer.training.generator.config import GeneratorConfig
from moodcue_fer.training.generator.data import (
    SIZE,
    LaidFaces,
    lay,
    oval_mask,
    placement,
)
from moodcue_fer.training.generator.evaluation import (
    by_gradients,
    by_pixels,
    mean_pairwise,
    nearest_distances,
    same_person_distances,
)
from moodcue_fer.training.generator.export import export_generator
from moodcue_fer.training.generator.faces import find_landmarks
from moodcue_fer.training.generator.losses import chances, look_at, lopsidedness
from moodcue_fer.training.generator.network import Generator
from moodcue_fer.training.generator.space import FittedFaces, fit_face_space, transport
from moodcue_fer.training.generator.train import GeneratorTrainer
from moodcue_fer.training.network import FaceNetwork, NetworkShape
from moodcue_fer.training.run import TrainingError

EXPORTER_NOISE = "ignore:.*:FutureWarning"


def blobs(count: int) -> LaidFaces:
    """Smooth random pictures, some of each emotion, the last row never seen."""
    chance = np.random.default_rng(0)
    noise = chance.standard_normal((count, SIZE, SIZE)).astype(np.float32)
    pictures = np.stack([cv2.GaussianBlur(one, (0, 0), 4) for one in noise])
    masks = np.repeat(oval_mask()[np.newaxis], count, axis=0).astype(np.float32)
    masks[::3, -12:] = 0
    return LaidFaces(
        pictures=3 * pictures,
        masks=masks,
        emotions=np.eye(7, dtype=np.float32)[np.arange(count) % 7],
    )


@pytest.fixture(scope="module")
def fitted() -> FittedFaces:
    return fit_face_space(blobs(140))


def trainer(fitted: FittedFaces, folder: Path, *, steps: int = 2) -> GeneratorTrainer:
    torch.manual_seed(0)
    guide = FaceNetwork(NetworkShape(stem=4, widths=(8, 8, 8)))
    return GeneratorTrainer(
        fitted, guide=guide, folder=folder, config=GeneratorConfig(steps=steps, batch_size=4)
    )


def weights(run: GeneratorTrainer) -> list[float]:
    return [float(each.double().abs().sum()) for each in run.average.state_dict().values()]


@pytest.mark.filterwarnings(EXPORTER_NOISE)
def test_a_run_goes_on_where_it_stopped_and_its_model_draws_the_same_faces_without_torch(
    fitted: FittedFaces, tmp_path: Path
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    at_once = trainer(fitted, whole)
    records = list(at_once.run(every=1))
    list(trainer(fitted, halves, steps=1).run())
    continued = trainer(fitted, halves)
    assert [record["step"] for record in continued.run()] == [2]
    assert [record["step"] for record in records] == [1, 2]
    # The rate follows the length of the run, so that only the way is the same, not each weight.
    assert weights(continued) == pytest.approx(weights(at_once), rel=0.02)

    manifest = export_generator(whole, folder=tmp_path / "model")
    assert max(manifest["metrics"]["largest_difference"].values()) < 1e-4
    assert load_manifest(tmp_path / "model", labels=EMOTIONS).name == "face-generator"
    generate = ["generate", str(tmp_path / "model"), "--emotion", "happy", "--count", "2"]
    code = (
        "import sys; from moodcue_fer.cli import main\n"
        f"code = main({[*generate, '--seed', '5', '--out', str(tmp_path / 'pictures')]!r})\n"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["seed"], second["seed"]) == (5, 6)
    assert read(first["path"]).shape == (256, 256)
    assert main([*generate, "--seed", "5", "--out", str(tmp_path / "again")]) == 0
    for record in (first, second):
        again = tmp_path / "again" / Path(record["path"]).name
        assert again.read_bytes() == Path(record["path"]).read_bytes()
        again.unlink()
        again.symlink_to("/dev/full")
    assert main([*generate, "--seed", "5", "--out", str(tmp_path / "again")]) == 1


def test_another_configuration_does_not_go_on_with_a_run(
    fitted: FittedFaces, tmp_path: Path
) -> None:
    list(trainer(fitted, tmp_path, steps=1).run())
    other = trainer(fitted, tmp_path)
    other._config = GeneratorConfig(steps=2, batch_size=4, reading=9)  # noqa: SLF001 - spares a fit
    with pytest.raises(TrainingError, match="another configuration"):
        next(other.run())


def test_an_emotion_that_is_none_of_the_seven_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(tmp_path), "--emotion", "glee", "--out", str(tmp_path)]
    assert main(command) == 1
    assert "'glee' is none of anger" in capsys.readouterr().err


def test_the_linear_model_rebuilds_faces_and_moves_people_least(fitted: FittedFaces) -> None:
    space, kept, places = fitted.space, fitted.faces, fitted.places
    rebuilt = space.mean + places @ space.basis.T
    wanted = kept.pictures.reshape(len(places), -1)
    seen = kept.masks.reshape(len(places), -1) > 0
    error, all_of_it = np.abs(rebuilt - wanted)[seen].mean(), np.abs(wanted)[seen].mean()
    assert error < 0.3 * all_of_it
    generator = Generator()
    generator.begin_as(space)
    person = torch.randn(1, 72, generator=torch.Generator().manual_seed(0))
    shares = torch.eye(7)[[6, 3]].mean(0, keepdim=True)
    with torch.no_grad():
        mixed = generator(person, shares)
        ends = torch.stack([generator(person, torch.eye(7)[[k]]) for k in (6, 3)])
    torch.testing.assert_close(mixed, ends.mean(0), atol=1e-4, rtol=0)


def test_transport_carries_one_spread_to_another() -> None:
    chance = np.random.default_rng(1)
    one, other = (np.cov(chance.standard_normal((4, 30))) for _ in range(2))
    carried = transport(one, other)
    np.testing.assert_allclose(carried @ one @ carried.T, other, atol=1e-6)
    np.testing.assert_allclose(transport(one, one), np.eye(4), atol=1e-6)


def test_moved_turned_and_smaller_faces_are_laid_upon_each_other(shared_data: Path) -> None:
    paths = sorted((shared_data / "ck48" / "happy").glob("*.png"))[:120:3]
    pictures = [read(path) for path in paths]
    turn = cv2.getRotationMatrix2D((23.5, 23.5), 8, 0.9)
    turned = [
        cv2.warpAffine(one, turn, (48, 48), borderMode=cv2.BORDER_REPLICATE) for one in pictures
    ]
    crops = np.stack([*pictures, *turned]).astype(np.uint8)
    rows = find_landmarks(crops, yunet=shared_data / "face_detection_yunet.onnx")
    guesses = np.stack([placement(row) for row in rows])
    matrices, found = refine_placements(crops, guesses)
    both = found[:40] & found[40:]
    assert both.mean() > 0.7
    before, after = (
        [alike(crops, laid, int(number)) for number in np.flatnonzero(both)]
        for laid in (guesses, matrices)
    )
    assert np.median(before) < 0.9 < np.median(after)


def read(path: str | Path) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def alike(crops: npt.NDArray[np.uint8], matrices: Matrices, number: int) -> float:
    """Correlation of a picture and its turned copy when both are laid."""
    (one, _), (other, seen) = (
        lay(crops[place], matrices[place]) for place in (number, number + 40)
    )
    return float(np.corrcoef(one[seen > 0], other[seen > 0])[0, 1])


def test_rare_emotions_are_shown_more_often_than_they_are() -> None:
    emotions = np.eye(7, dtype=np.float32)[[3] * 90 + [1] * 10]
    weights_of = chances(emotions, rarity=0.5)
    share = weights_of[-10:].sum() / weights_of.sum()
    assert share == pytest.approx(np.sqrt(10) / (np.sqrt(10) + np.sqrt(90)))


def test_what_the_reader_sees_is_standardised_and_differs_each_time() -> None:
    laid = torch.from_numpy(blobs(4).pictures).unsqueeze(1)
    torch.manual_seed(1)
    one, other = look_at(laid), look_at(laid)
    assert one.shape == (4, 1, 44, 44)
    torch.testing.assert_close(one.mean(dim=(2, 3)), torch.zeros(4, 1), atol=1e-4, rtol=0)
    assert (one - other).abs().mean() > 0.1


def test_only_what_differs_between_the_sides_is_lopsided() -> None:
    picture = torch.zeros(1, 1, 8, 8)
    picture[..., 3:5] = 1
    assert lopsidedness(picture) == 0
    picture[..., :2] = 1
    assert lopsidedness(picture) > 0


def test_the_nearest_training_face_of_a_training_face_is_itself() -> None:
    pictures = blobs(30).pictures
    for describe in (by_pixels, by_gradients):
        described = describe(pictures)
        assert nearest_distances(described[:5], described) == pytest.approx(0, abs=2e-3)
        others = nearest_distances(described[:5], described, skip_itself=True)
        assert others.min() > 0.3
        assert 0.5 < mean_pairwise(described) < 1.5


def test_one_person_is_compared_over_sequences_only() -> None:
    described = np.eye(4, dtype=np.float32)
    subjects = np.array(["a", "a", "a", "b"])
    sequences = np.array(["1", "1", "2", "1"])
    distances = same_person_distances(described, subjects, sequences)
    assert distances == pytest.approx([np.sqrt(2)] * 2)


def test_a_person_is_drawn_by_seed_and_never_extreme() -> None:
    people = np.stack([draw_person(seed) for seed in range(50)])
    assert np.abs(people).max() <= 2
    assert len(np.unique(people[:, 0])) == 50
    np.testing.assert_array_equal(people[7], draw_person(7))
    assert pure("fear").tolist() == [0, 0, 1, 0, 0, 0, 0]
