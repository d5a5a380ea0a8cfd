"""What a step of training launches on a GPU, recorded once and replayed as a CUDA graph.

Kernels of a small network end sooner than Python can start the next ones; replayed, they follow
each other without it.
"""

from collections.abc import Callable
from typing import Final

import torch

WARM_UPS: Final = 3
"""Steps before a recording, in which cuDNN chooses its algorithms."""

Learn = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Leaves the gradients of a batch and returns its loss: of places of pictures, shape (batch,), and
the share of mixup, a number."""


def recorded(
    learn: Learn, *, places: torch.Tensor, share: torch.Tensor, generator: torch.Generator
) -> Learn:
    """Return a function that does what `learn` does, without Python.

    Args:
        learn: Takes shapes that do not depend on values and never waits for the GPU.
        places: Of any batch of the size that is meant, on the GPU.
        share: On the GPU.
        generator: Source of randomness of `learn` besides torch's own, on the GPU.

    Returns:
        Function of other places and shares; the loss that it returns is overwritten by the next.
    """
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no types here
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            learn(places, share)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    own_places, own_share = places.clone(), share.clone()
    with torch.cuda.graph(graph):
        loss = learn(own_places, own_share)

    def replay(places: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        own_places.copy_(places)
        own_share.copy_(share)
        graph.replay()
        return loss

    return replay
