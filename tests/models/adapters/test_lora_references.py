"""LoRA against its formulas; limit 1e-5 (ADR 0031)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.adapters.tunable import AdapterModule
from models.series import OtmvModel
from tests.models.adapters.comparing import (
    FFN,
    HEADS,
    NAMES,
    ORDERS,
    WIDTH,
    F,
    compare,
    drawn,
    table,
)
from tests.models.adapters.plain_loop import Method


class _Lora(Method):
    def __init__(self, module: AdapterModule, scales: dict[str, list[float]]) -> None:
        self.module, self.scales = module, scales

    def linear(self, name: str, order: int, modality: int, x: Tensor, y: Tensor) -> Tensor:
        names = ("q", "k", "v") if name == "qkv" else (name,)
        outs = list(y.chunk(len(names), -1))
        for at, each in enumerate(names):
            if each in self.scales:
                a = table(self.module, f"block.{each}.{NAMES[modality]}.down")[order].T
                b = table(self.module, f"block.{each}.{NAMES[modality]}.up")[order].T
                r = 2 if (each, order) == ("v", 1) else len(a)
                low = F.linear(x, a[:r])
                outs[at] = outs[at] + self.scales[each][order] * F.linear(low, b[:, :r])
        return torch.cat(outs, -1)


def test_lora_at_any_linear_with_patterns_of_rank_and_alpha(model: OtmvModel) -> None:
    settings = {
        "hooks": ("q", "v", "fc1", "fc2", "out"),
        "rank": 3,
        "alpha": 6.0,
        "rank_pattern": {"1.v": 2},
        "alpha_pattern": {"fc1": 5.0, "3.q": 1.0},
    }
    scales = {
        "q": [2.0, 2.0, 2.0, 1 / 3],
        "v": [2.0, 3.0, 2.0, 2.0],
        "fc1": [5 / 3] * 4,
        "fc2": [2.0] * 4,
        "out": [2.0] * 4,
    }
    module = drawn(model, "lora", **settings)
    compare(model, module, _Lora(module, scales))
    of_pair = 2 * ORDERS * 3
    counted = of_pair * (3 * (WIDTH + WIDTH) + 2 * (WIDTH + FFN)) - 2 * (WIDTH + WIDTH)
    assert module.tuned_parameters() == counted


def test_rank_stabilised_lora(model: OtmvModel) -> None:
    module = drawn(model, "lora", hooks=("k",), rank=4, alpha=6.0, rank_stabilised=True)
    compare(model, module, _Lora(module, {"k": [3.0] * 4}))


def test_the_study_s_lora_has_a_product_for_each_head(model: OtmvModel) -> None:
    """Eq. 12-15: heads read x (W_q + B A), x (W_k + B A); A is r × d/k."""
    rank, width = 2, WIDTH // HEADS
    module = drawn(model, "lora", hooks=("q", "k"), rank=rank, alpha=float(rank), per_head=True)

    class Study(Method):
        def linear(self, name: str, order: int, modality: int, x: Tensor, y: Tensor) -> Tensor:
            if name != "qkv":
                return y
            outs = list(y.chunk(3, -1))
            for at, each in enumerate(("q", "k")):
                down = table(module, f"block.{each}.{NAMES[modality]}.down")[order]
                up = table(module, f"block.{each}.{NAMES[modality]}.up")[order]
                heads = [
                    x
                    @ down[:, j * rank : (j + 1) * rank]
                    @ up[j * rank : (j + 1) * rank, j * width : (j + 1) * width]
                    for j in range(HEADS)
                ]
                outs[at] = outs[at] + torch.cat(heads, -1)
            return torch.cat(outs, -1)

    compare(model, module, Study())
    of_head = WIDTH * rank + rank * width
    assert module.tuned_parameters() == 2 * 2 * ORDERS * HEADS * of_head
