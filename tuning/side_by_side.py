"""The parts of a step side by side, where that is faster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

Mapped = Callable[..., Iterable[Any]]
"""As the built-in `map`: a function, then its arguments; results come in the order of these."""


@contextmanager
def side_by_side(device: torch.device, parts: int) -> Iterator[Mapped]:
    """Give what maps a function over the parts of a step.

    On a processor with several cores each part has a thread of its own. torch, left alone, cuts
    every operation into pieces for all cores and waits for the slowest piece, some thousands of
    times a step; this way the cores wait for each other once. On a GPU, or one core, parts follow
    each other.

    Args:
        device: where parts compute.
        parts: of each step.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    workers = min(cores, parts)
    if device.type != "cpu" or workers == 1:
        yield map
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, cores // workers))
    try:
        with ThreadPoolExecutor(workers) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(before)
