"""Which examples a batch has: a function of the seed and the batch's number, and nothing else.

So a run that resumes at a batch, with any number of workers or processes, sees what it would have
seen. An epoch is one shuffled pass; examples that do not fill its last batch wait for other epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class BatchOrder:
    """The batches of a run.

    Attributes:
        examples: how many there are.
        batch: examples in one batch, of all processes together.
        seed: of the shuffling.
        rank, processes: of this process; each takes its part of every batch.

    Raises:
        ValueError: a batch is larger than the data, or cannot be divided among the processes.
    """

    examples: int
    batch: int
    seed: int
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= self.examples:
            problem = f"a batch of {self.batch} cannot be taken of {self.examples:,} examples"
            raise ValueError(f"{problem}: choose a smaller one")
        if self.batch % self.processes or not 0 <= self.rank < self.processes:
            problem = f"a batch of {self.batch} cannot be divided among {self.processes} processes"
            raise ValueError(f"{problem}: choose a multiple")

    @property
    def per_epoch(self) -> int:
        """Batches of an epoch."""
        return self.examples // self.batch

    def indices(self, number: int) -> NDArray[np.int64]:
        """Return which examples this process takes of batch `number`, counted over all epochs."""
        epoch, within = divmod(number, self.per_epoch)
        shuffled = _shuffled(self.examples, self.seed, epoch)
        share = self.batch // self.processes
        begin = within * self.batch + self.rank * share
        return shuffled[begin : begin + share]


@lru_cache(2)
def _shuffled(examples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(examples)
