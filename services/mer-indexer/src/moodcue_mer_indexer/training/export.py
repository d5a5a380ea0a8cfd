"""Turn a trained network into the ONNX graph that is served."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from moodcue_mer_indexer.training.network import MerNetwork

__all__ = ["export_onnx"]

_OPSET = 18


class _Probabilities(nn.Module):
    def __init__(self, network: MerNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, patches: Tensor) -> Tensor:
        return torch.softmax(self.network(patches), dim=1)


def export_onnx(network: MerNetwork, *, path: Path, n_mels: int, patch_frames: int) -> None:
    """Write the network with a softmax as ONNX.

    Input ``log_mel``: float32 ``(batch, n_mels, patch_frames)`` in dB. Output
    ``quadrants``: probabilities ``(batch, 4)``. The batch size is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    wrapped = _Probabilities(network).cpu().eval()
    example = torch.zeros(2, n_mels, patch_frames)
    with warnings.catch_warnings():
        # PyTorch warns about its own use of its own deprecated type.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            wrapped,
            (example,),
            path,
            input_names=["log_mel"],
            output_names=["quadrants"],
            dynamic_shapes={"patches": {0: torch.export.Dim("batch", min=1)}},
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
