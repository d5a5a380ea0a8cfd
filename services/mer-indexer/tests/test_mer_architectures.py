import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402 - torch is looked for first

from moodcue_mer_indexer.training.architectures import (  # noqa: E402
    ARCHITECTURES,
    Architecture,
    build_network,
)
from moodcue_mer_indexer.training.compare import SPECTROGRAMS  # noqa: E402


def patches(*, bands: int, count: int = 3, frames: int = 64) -> Tensor:
    noise = np.random.default_rng(1).normal(-40, 10, (count, bands, frames))
    made: Tensor = torch.from_numpy(noise.astype(np.float32))
    return made


def answers(architecture: Architecture, inputs: Tensor) -> Tensor:
    torch.manual_seed(0)
    network = build_network(architecture, n_mels=inputs.shape[1], dropout=0.4).eval()
    with torch.no_grad():
        answer: Tensor = network(inputs)
    return answer


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("bands", [64, 95, 96, 128])
def test_spectrograms_may_have_any_number_of_bands(architecture: Architecture, bands: int) -> None:
    assert answers(architecture, patches(bands=bands)).shape == (3, 4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_patch_is_judged_by_itself(architecture: Architecture) -> None:
    together = patches(bands=64)

    alone = torch.cat([answers(architecture, patch[None]) for patch in together])

    torch.testing.assert_close(answers(architecture, together), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_learns(architecture: Architecture) -> None:
    network = build_network(architecture, n_mels=64, dropout=0.0)

    network(patches(bands=64)).square().sum().backward()

    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


def test_mel_and_linear_spectrograms_differ_in_nothing_but_their_scale() -> None:
    mel, linear = SPECTROGRAMS["mel"], SPECTROGRAMS["linear"]

    differing = {
        field for field in mel.__struct_fields__ if getattr(mel, field) != getattr(linear, field)
    }
    assert differing == {"scale"}
