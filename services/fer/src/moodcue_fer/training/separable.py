"""A trained network in fewer multiplications: the nearest one of low rank, to be trained on."""

from dataclasses import replace

import torch

from moodcue_fer.training.network import FaceNetwork, SeparableConvolution


@torch.no_grad()
def separated(network: FaceNetwork, *, rank: float) -> FaceNetwork:
    """Return a network with columns and rows in place of whole 3x3 convolutions.

    Every convolution but the first, which has one channel, becomes the nearest one of that rank.
    The answers change the more, the lower the rank is.

    Args:
        network: With whole convolutions; it is left as it is.
        rank: As in `NetworkShape`.
    """
    separable = FaceNetwork(replace(network.shape, rank=rank), dropout=network.dropout.p)
    state, whole = separable.state_dict(), network.state_dict()
    state |= {name: weights for name, weights in whole.items() if name in state}
    for name, layer in separable.named_modules():
        if isinstance(layer, SeparableConvolution):
            column, row = f"{name}.0.weight", f"{name}.1.weight"
            state[column], state[row] = nearest_pair(
                whole[f"{name}.weight"], between=len(state[column])
            )
    separable.load_state_dict(state)
    return separable.train(network.training)


def nearest_pair(kernel: torch.Tensor, *, between: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the column and the row whose product comes closest to a kernel.

    It is the truncated singular value decomposition of the kernel as a matrix, which has the least
    squared error (Eckart and Young, 1936).

    Args:
        kernel: Shape (outputs, inputs, 3, 3).
        between: Channels between the two.

    Returns:
        Kernels of shapes (between, inputs, 3, 1) and (outputs, between, 1, 3); zeros fill what is
        more than the kernel's own rank.
    """
    outputs, inputs, height, width = kernel.shape
    matrix = kernel.permute(0, 3, 1, 2).reshape(outputs * width, inputs * height)
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    rank = min(between, len(sizes))
    roots = sizes[:rank].sqrt()
    column = kernel.new_zeros(between, inputs * height)
    column[:rank] = roots[:, None] * right[:rank]
    row = kernel.new_zeros(outputs, width, between)
    row[..., :rank] = (left[:, :rank] * roots).reshape(outputs, width, rank)
    return (
        column.reshape(between, inputs, height, 1),
        row.permute(0, 2, 1).reshape(outputs, between, 1, width),
    )
