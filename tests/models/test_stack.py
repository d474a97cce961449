"""The chain through the key blocks against eq. 3 of the supplement."""

from __future__ import annotations

import random

import pytest
import torch

from models.presets import literal_config
from models.series import OtmvModel, read_joint
from tests.models import tiny
from tests.models.equation import bias_of, embedded, eq3

PATTERNS = [(0,), (0, 1, 2, 3), (0, 2), (0, 3), (0, 1, 3)]


class TestSeries:
    @pytest.mark.parametrize("keys", [1, 2, 4])
    @pytest.mark.parametrize("executed", PATTERNS)
    def test_equals_equation_3(self, keys: int, executed: tuple[int, ...]) -> None:
        model = tiny.model(tiny.config(keys))
        _, _, mask, h = embedded(model)
        bias = bias_of(model, mask)
        _, y = model.chain(h, executed, model.config.image_tokens, bias, lambda x: x)
        torch.testing.assert_close(y, eq3(model, h, executed, bias), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("seed", range(6))
    def test_random_patterns_of_a_deeper_stack(self, seed: int) -> None:
        rng = random.Random(seed)
        executed = (0, *sorted(rng.sample(range(1, 8), rng.randrange(8))))
        model = tiny.model(tiny.config(keys=rng.choice([1, 2, 4, 8]), orders=8), seed)
        _, _, mask, h = embedded(model)
        bias = bias_of(model, mask)
        _, y = model.chain(h, executed, model.config.image_tokens, bias, lambda x: x)
        torch.testing.assert_close(y, eq3(model, h, executed, bias), rtol=1e-5, atol=1e-5)

    def test_readout_last_is_the_last_executed_order(self) -> None:
        model = tiny.model(tiny.config(readout="last"))
        _, _, mask, h = embedded(model)
        bias = bias_of(model, mask)
        nv = model.config.image_tokens
        last, y = model.chain(h, (0, 1, 2), nv, bias, read_joint(nv))
        assert torch.equal(y, last[:, [0, nv]])
        shorter = eq3(model, h, (0, 1, 2), bias) - eq3(model, h, (0, 1), bias)
        torch.testing.assert_close(last, shorter, rtol=1e-4, atol=1e-5)

    def test_y_is_accumulated_in_fp32(self) -> None:
        model = tiny.model(tiny.config()).bfloat16()
        pixels = tiny.pixels(2)
        h = model.stem.image(pixels)
        assert h.dtype == torch.bfloat16
        _, y = model.chain(h, range(4), h.shape[1], None, lambda x: x[:, :1])
        assert y.dtype == torch.float32


def test_rows_at_different_orders_of_one_key_share_a_batch() -> None:
    model = tiny.model(tiny.config(keys=1))
    _, _, mask, h = embedded(model)
    bias, nv = bias_of(model, mask), model.config.image_tokens
    orders = torch.tensor([2, 0, 3])
    together = model.keys[0](h, orders, nv, bias)
    for row, order in enumerate(orders.tolist()):
        one = slice(row, row + 1)
        alone = model.keys[0](h[one], order, nv, bias[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-5, atol=1e-5)


class TestShapes:
    def test_one_key_for_the_whole_stack(self) -> None:
        with torch.device("meta"):
            model = OtmvModel(literal_config())
        assert len(model.keys) == 1
        assert model.keys[0].coefficient.shape == (12,)
        assert model.keys[0].qkv[0].weight.shape == (3 * 768, 768)

    @pytest.mark.parametrize(("merged", "branches"), [(True, 1), (False, 2)])
    def test_feed_forward_branches(self, merged: bool, branches: int) -> None:
        key = tiny.model(tiny.config(merged_feed_forward=merged)).keys[0]
        assert len(key.fc1) == len(key.fc2) == branches
        assert len(key.qkv) == len(key.out) == 2, "attention stays per modality"

    def test_each_order_has_its_own_norms_per_modality(self) -> None:
        key = tiny.model(tiny.config(keys=2)).keys[0]
        assert key.attention_norm.scale.shape == (2, 2, 16)
        assert key.inner_attention_norm.shift.shape == (2, 2, 16)
        assert key.ffn_norm.scale.shape == (2, 2, 16)
        assert key.inner_ffn_norm.shift.shape == (2, 2, 24)
