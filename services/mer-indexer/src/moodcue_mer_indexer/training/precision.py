"""In what precision networks are trained."""

import torch


def knows_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16 rather than imitating it.

    Where oneDNN does not serve bfloat16, torch falls back to a convolution that takes many times
    as long as in float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001  # torch has no public way to ask


def mixed_precision(device: torch.device, *, wanted: bool = True) -> torch.autocast:
    """Return a context in which convolutions are computed in bfloat16, if the device knows it."""
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=wanted and knows_bfloat16(device)
    )
