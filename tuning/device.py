"""Where to compute."""

from __future__ import annotations

import torch


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return the bf16 autocast that every forward pass of tuning runs in.

    Weights are cast wherever they are used, so the gradients of a key's orders are summed in
    float32; torch's cache of casts would sum them in bfloat16, and is one for all threads.
    """
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is a CUDA device where there is one, else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ValueError(f"no device {name!r}; use cpu, cuda or auto")
    if device.type == "cuda" and not available:
        raise ValueError("no CUDA device here; use cpu or auto")
    return device
