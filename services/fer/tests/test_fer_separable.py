from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fer_pictures import drawn_faces, write_fer2013
from torch.nn import functional

from moodcue_fer.datasets import load_fer2013
from moodcue_fer.model import SHIPPED_MODEL, FerModel
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.config import TrainingConfig
from moodcue_fer.training.export import ServedNetwork, export
from moodcue_fer.training.network import Answers, FaceNetwork, NetworkShape
from moodcue_fer.training.run import TrainingError
from moodcue_fer.training.separable import nearest_pair, separated
from moodcue_fer.training.shipped import network_of_model
from moodcue_fer.training.train import Trainer, load_network, starting_network, train

CROPS, _ = drawn_faces(40, seed=6)
WHOLE = NetworkShape(stem=8, widths=(16, 32, 48))
SEPARABLE = replace(WHOLE, rank=0.5)
CHANGES: dict[str, Any] = {"batch_size": 28, "held_out_share": 0.2}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_fer2013(tmp_path / "data", training=140, test=14)


def answers_of(network: FaceNetwork) -> torch.Tensor:
    with torch.no_grad():
        answers: Answers = network(torch.from_numpy(preprocess(CROPS)))
    return answers.labels


def with_known_statistics(network: FaceNetwork) -> FaceNetwork:
    """Let the normalisations of random weights see faces, as after training."""
    with torch.no_grad():
        network.train()(torch.from_numpy(preprocess(CROPS)))
    return network.eval()


def test_a_column_and_a_row_of_full_rank_are_the_kernel() -> None:
    kernel = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    pictures = torch.randn(2, 5, 9, 7, generator=torch.Generator().manual_seed(2))
    column, row = nearest_pair(kernel, between=24)
    assert (column.shape, row.shape) == ((24, 5, 3, 1), (6, 24, 1, 3))
    between = functional.conv2d(pictures, column, padding=(1, 0))
    wanted = functional.conv2d(pictures, kernel, padding=1)
    assert torch.allclose(functional.conv2d(between, row, padding=(0, 1)), wanted, atol=1e-4)


def test_the_nearest_pair_of_a_lower_rank_leaves_the_smallest_singular_values() -> None:
    kernel = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(3))
    column, row = nearest_pair(kernel, between=4)
    product = torch.einsum("orw,rih->oihw", row[:, :, 0], column[..., 0])
    sizes = torch.linalg.svdvals(kernel.permute(0, 3, 1, 2).reshape(18, 15))
    error = float((kernel - product).square().sum())
    assert error == pytest.approx(float(sizes[4:].square().sum()), rel=1e-4)


def test_a_network_of_full_rank_answers_as_the_whole_one() -> None:
    torch.manual_seed(4)
    whole = with_known_statistics(FaceNetwork(WHOLE))
    wanted = answers_of(whole)
    # A kernel has up to three independent columns per channel that comes out.
    assert torch.allclose(answers_of(separated(whole, rank=3)), wanted, atol=1e-4)
    assert not torch.allclose(answers_of(separated(whole, rank=0.5)), wanted, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
def test_a_separable_run_begins_with_a_whole_network_and_is_served_like_any_other(
    data: Path, tmp_path: Path
) -> None:
    changes = CHANGES | {"epochs": 1, "learning_rate": 1e-9, "shape": WHOLE}
    list(train(data, folder=tmp_path / "whole", changes=changes, device="cpu", threads=1))
    changes["shape"] = SEPARABLE
    for folder, start in (("first", "whole"), ("second", "first")):
        list(
            train(
                data,
                folder=tmp_path / folder,
                changes=changes,
                device="cpu",
                threads=1,
                start=tmp_path / start,
            )
        )
    nearest = separated(load_network(tmp_path / "whole")[0], rank=0.5).state_dict()
    trained = load_network(tmp_path / "second")[0].state_dict()
    column = "features.2.0.0.weight"
    assert trained[column].shape == (8, 8, 3, 1)
    assert torch.allclose(trained[column], nearest[column], atol=1e-6)
    export(tmp_path / "second", data=data, folder=tmp_path / "model", mirror=False, int8=False)
    read_back = starting_network(tmp_path / "model", CROPS)
    served = ServedNetwork(read_back.eval())
    served.temperature = FerModel(tmp_path / "model").manifest.training["temperature"]
    with torch.no_grad():
        probabilities = served(torch.from_numpy(preprocess(CROPS)))[0].numpy()
    assert np.allclose(
        probabilities, FerModel(tmp_path / "model").read(CROPS).probabilities, atol=1e-4
    )


def test_a_whole_run_cannot_begin_with_a_separable_network(data: Path, tmp_path: Path) -> None:
    changes = CHANGES | {"epochs": 1, "shape": SEPARABLE}
    list(train(data, folder=tmp_path / "first", changes=changes, device="cpu", threads=1))
    changes["shape"] = WHOLE
    with pytest.raises(TrainingError, match="give its --channels and --rank"):
        list(
            train(
                data,
                folder=tmp_path / "second",
                changes=changes,
                device="cpu",
                threads=1,
                start=tmp_path / "first",
            )
        )


def test_a_model_folder_teaches_what_its_network_says(data: Path, tmp_path: Path) -> None:
    changes = CHANGES | {"epochs": 1, "shape": WHOLE, "teacher_share": 1.0}
    (taught,) = train(
        data,
        folder=tmp_path / "folder",
        changes=changes,
        device="cpu",
        threads=1,
        teachers=[SHIPPED_MODEL],
    )
    faces, config = load_fer2013(data), TrainingConfig(**changes)
    (wanted,) = Trainer(
        faces,
        folder=tmp_path / "network",
        config=config,
        teachers=[network_of_model(SHIPPED_MODEL)],
    ).run()
    (untaught,) = Trainer(
        faces, folder=tmp_path / "alone", config=replace(config, teacher_share=0.0)
    ).run()
    assert taught["loss"] == wanted["loss"]
    assert taught["loss"] != untaught["loss"]
