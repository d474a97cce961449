"""Attention of a key block, in the precision it is tuned in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.attention import attend
from models.key_block import key_mask_bias


def _drawn(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(2, 3, 7, 8, generator=generator, dtype=dtype) for _ in range(3))
    return q, k, v


def _fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return mixed.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("masked", [False, True])
def test_in_bfloat16_it_is_the_fused_attention_as_nearly_as_bfloat16_goes(masked: bool) -> None:
    mask = torch.arange(7) < torch.tensor([[4], [7]])
    wide = key_mask_bias(mask, torch.float64) if masked else None
    exact = _fused(*_drawn(torch.float64), wide)
    narrow = key_mask_bias(mask, torch.bfloat16) if masked else None
    q, k, v = (each.to(torch.bfloat16) for each in _drawn(torch.float64))
    found = attend(q, k, v, narrow)
    assert found.dtype == torch.bfloat16
    error = (found.double() - exact).norm() / exact.norm()
    assert error < 1e-2
    if masked:
        moved = v.clone()
        moved[0, :, 4:] += 100
        assert torch.equal(attend(q, k, moved, narrow)[0, :], found[0, :]), "masked values count"


def test_in_float32_it_is_the_fused_attention_that_graphs_are_exported_with() -> None:
    drawn = _drawn(torch.float32)
    assert torch.equal(attend(*drawn, None), _fused(*drawn, None))
