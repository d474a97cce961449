from __future__ import annotations

import os
import threading

import pytest
import torch

from tuning.device import mixed_precision
from tuning.side_by_side import side_by_side

CPU = torch.device("cpu")


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)


def test_parts_run_at_once_and_come_back_in_order(three_cores: None) -> None:
    meeting = threading.Barrier(3)  # broken unless all three are there at once

    def part(name: str, number: int) -> tuple[str, int]:
        meeting.wait(timeout=10)
        return name, number

    with side_by_side(CPU, 3) as each:
        assert list(each(part, "abc", (1, 2, 3))) == [("a", 1), ("b", 2), ("c", 3)]


def test_torch_has_the_cores_that_are_left_and_its_own_number_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    before = torch.get_num_threads()
    with side_by_side(CPU, 3):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("device", "parts"), [("cuda", 3), ("cpu", 1)])
def test_else_parts_follow_each_other(three_cores: None, device: str, parts: int) -> None:
    with side_by_side(torch.device(device), parts) as each:
        assert each is map


def test_orders_that_share_a_weight_sum_its_gradients_in_float32() -> None:
    weight = torch.nn.Parameter(torch.ones(1, 1))
    large, small = torch.full((1, 1), 256.0), torch.full((1, 1), 0.5)
    with mixed_precision(CPU):
        out = torch.nn.functional.linear(large, weight) + torch.nn.functional.linear(small, weight)
    (gradient,) = torch.autograd.grad(out.float().sum(), weight)
    assert gradient.item() == 256.5, "bfloat16 has no number between 256 and 258"
