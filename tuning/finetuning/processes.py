"""The processes of one run: `torchrun` starts them, torch joins them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from tuning.device import choose_device


@dataclass(frozen=True)
class Processes:
    """This process among those of the run.

    Attributes:
        device: where this one computes.
        rank: its number; the first one, 0, writes and speaks.
        count: how many there are.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of all processes' values."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait for all others."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined(device_name: str) -> Iterator[Processes]:
    """Join the other processes of a `torchrun`, if there are any: over gloo, or NCCL on GPUs.

    Args:
        device_name: cpu, cuda or auto; of several GPUs each process takes its own.

    Raises:
        ValueError: there is no such device here.
    """
    device = choose_device(device_name)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(device, distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def rank_here() -> int:
    """Return this process's number, before the processes are joined."""
    return int(os.environ.get("RANK", "0"))
