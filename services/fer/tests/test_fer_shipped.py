import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from fer_pictures import drawn_faces, write_fer2013

from moodcue.model_folder import MANIFEST, WEIGHTS, sha256_of
from moodcue_fer.model import SHIPPED_MODEL, SHIPPED_MODELS, FerModel, ShippedName
from moodcue_fer.preprocessing import preprocess
from moodcue_fer.training.export import ServedNetwork, export
from moodcue_fer.training.network import NetworkShape
from moodcue_fer.training.run import TrainingError
from moodcue_fer.training.shipped import config_of_model, network_of_model, renormalise
from moodcue_fer.training.train import load_network, starting_network, train

CROPS, _ = drawn_faces(70, seed=4)
SMALL = NetworkShape(stem=8, widths=(16, 32, 48))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_fer2013(tmp_path / "data", training=211, test=14)


@pytest.mark.parametrize("name", get_args(ShippedName))
def test_a_shipped_network_answers_in_torch_as_it_is_served(name: str) -> None:
    model = FerModel(SHIPPED_MODELS / name)
    facts = model.manifest.training
    network = ServedNetwork(network_of_model(SHIPPED_MODELS / name), mirror=facts["mirror"])
    network.temperature = facts["temperature"]
    prior = np.array(facts["prior"]) ** (1 / (1 - facts["logit_adjustment"]))
    network.offsets = torch.from_numpy(-facts["logit_adjustment"] * np.log(prior / prior.sum()))
    with torch.no_grad():
        probabilities, frontality = network(torch.from_numpy(preprocess(CROPS)))
    served = model.read(CROPS)
    assert np.abs(probabilities.numpy() - served.probabilities).mean() < 0.01
    assert np.abs(frontality.numpy() - served.frontality).mean() < 0.01
    assert (probabilities.numpy().argmax(1) == served.probabilities.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("name", get_args(ShippedName))
def test_new_statistics_change_no_answer_and_are_those_that_training_meets(name: str) -> None:
    network = network_of_model(SHIPPED_MODELS / name)
    crops = torch.from_numpy(preprocess(CROPS))
    with torch.no_grad():
        before = network(crops).labels
        renormalise(network, crops)
        after = network(crops).labels
        network.features.train()
        trained_on = network(crops).labels
    assert torch.allclose(after, before, atol=1e-4)
    assert torch.allclose(trained_on, before, atol=1e-3)


def test_a_run_begins_with_the_shipped_weights(data: Path, tmp_path: Path) -> None:
    changes = {"epochs": 1, "batch_size": 50, "learning_rate": 1e-9, "held_out_share": 0.2}
    list(
        train(
            data,
            folder=tmp_path / "run",
            changes=changes,
            device="cpu",
            threads=1,
            start=SHIPPED_MODEL,
        )
    )
    network, _ = load_network(tmp_path / "run")
    shipped = network_of_model(SHIPPED_MODEL)
    assert torch.allclose(network.labels.weight, shipped.labels.weight, atol=1e-6)
    assert torch.allclose(
        network.state_dict()["features.0.0.weight"],
        shipped.state_dict()["features.0.0.weight"],
        atol=1e-6,
    )


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
def test_models_in_float32_and_exported_again_answer_as_before(data: Path, tmp_path: Path) -> None:
    single, again = tmp_path / "single", tmp_path / "again"
    export(SHIPPED_MODEL, data=data, folder=single, mirror=True, int8=False)
    export(single, data=data, folder=again, mirror=True)
    told, before = FerModel(again).manifest, FerModel().manifest
    assert told.training["epoch"] == before.training["epoch"]
    assert config_of_model(told) == config_of_model(before)
    # Temperature and offsets are those of the drawn faces, so that only the order can be the same.
    network = ServedNetwork(network_of_model(SHIPPED_MODEL), mirror=True).eval()
    with torch.no_grad():
        probabilities, frontality = network(torch.from_numpy(preprocess(CROPS)))
    for folder, agreement in ((single, 0.99), (again, 0.9)):
        given = FerModel(folder).read(CROPS)
        same = given.probabilities.argmax(1) == probabilities.numpy().argmax(1)
        assert same.mean() >= agreement
        assert np.abs(given.frontality - frontality.numpy()).mean() < 0.02


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
def test_what_is_no_model_to_train_on_is_refused_with_the_remedy(
    data: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    changes = {"epochs": 1, "batch_size": 28, "held_out_share": 0.2, "shape": SMALL}
    list(train(data, folder=tmp_path / "run", changes=changes, device="cpu", threads=1))
    export(tmp_path / "run", data=data, folder=model, mirror=True, int8=False)
    # The manifest tells of a smaller network than is in the file.
    shipped, told = FerModel().manifest.sha256, FerModel(model).manifest.sha256
    shutil.copyfile(SHIPPED_MODEL / "model.onnx", model / "model.onnx")
    manifest = model / "manifest.json"
    manifest.write_text(manifest.read_text().replace(told, shipped))
    with pytest.raises(TrainingError, match="give one that export wrote, or a run"):
        starting_network(model, CROPS)
    with pytest.raises(TrainingError, match="holds no run"):
        starting_network(tmp_path / "nowhere", CROPS)


def test_a_model_whose_normalisations_are_not_folded_away_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))
    model = onnx.load(folder / WEIGHTS)
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    del last.input[2]
    onnx.save(model, folder / WEIGHTS)
    manifest = folder / MANIFEST
    before, after = FerModel().manifest.sha256, sha256_of(folder / WEIGHTS)
    manifest.write_text(manifest.read_text().replace(before, after))
    with pytest.raises(TrainingError, match="give one that export wrote, or a run"):
        network_of_model(folder)
