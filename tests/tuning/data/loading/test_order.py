"""Which examples a batch has."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.data.loading.order import BatchOrder


def test_an_epoch_has_every_example_once_and_the_next_another_order() -> None:
    order = BatchOrder(12, 4, seed=3)
    epochs = [
        np.concatenate([order.indices(epoch * order.per_epoch + k) for k in range(3)])
        for epoch in range(2)
    ]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert not np.array_equal(*epochs)


def test_a_batch_follows_from_seed_and_number_alone() -> None:
    one, again = BatchOrder(100, 8, 1), BatchOrder(100, 8, 1)
    later = again.indices(777)
    assert np.array_equal(one.indices(777), later)
    assert not np.array_equal(BatchOrder(100, 8, 2).indices(777), later)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_every_batch(processes: int) -> None:
    whole = BatchOrder(50, 8, 5).indices(9)
    shares = [BatchOrder(50, 8, 5, rank, processes).indices(9) for rank in range(processes)]
    assert np.array_equal(np.concatenate(shares), whole)


def test_what_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 9 cannot be taken of 8 examples"):
        BatchOrder(8, 9, 0)
    with pytest.raises(ValueError, match="cannot be divided among 3 processes"):
        BatchOrder(8, 8, 0, 0, 3)
