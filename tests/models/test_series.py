"""The series against eq. 3 of the supplement, in its nested form, written out again."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import pytest
import torch
from torch import Tensor, nn

from models.key_block import key_mask_bias
from models.presets import literal_config
from models.series import OtmvModel
from tests.models import tiny

PATTERNS = [(0,), (0, 1, 2, 3), (0, 2), (0, 3), (0, 1, 3)]


def eq3(model: OtmvModel, h: Tensor, executed: Collection[int], bias: Tensor) -> Tensor:
    """y = c1 F x + c2 F c1 F x + ..., where a skipped order is bypassed and its term left out.

    The coefficients are taken out of the key blocks, which are then plain functions F.
    """
    coefficients = [float(c) for key in model.keys for c in key.coefficient]
    plain = OtmvModel(model.config)
    plain.load_state_dict(model.state_dict())
    for key in plain.keys:
        key.coefficient.fill_(1.0)
    y = torch.zeros_like(h)
    of_key = model.config.key_of_order
    for order, c in enumerate(coefficients):
        if order in executed:
            within = sum(owner == of_key[order] for owner in of_key[:order])
            h = c * plain.keys[of_key[order]](h, within, model.config.image_tokens, bias)
            y = y + h
    return y


def embedded(model: OtmvModel, length: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pixels, padded tokens, their mask and the stem's output."""
    pixels, tokens = tiny.pixels(3), tiny.words(3, length)
    mask = torch.arange(length)[None] < torch.tensor([[length], [3], [1]])
    h = torch.cat([model.stem.image(pixels), model.stem.text(tokens)], dim=1)
    return pixels, tokens, mask, h


def bias_of(model: OtmvModel, mask: Tensor) -> Tensor:
    padded = nn.functional.pad(mask, (model.config.image_tokens, 0), value=True)
    return key_mask_bias(padded, torch.float32)


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

    def test_the_head_reads_the_series_at_the_first_tokens(self) -> None:
        model = tiny.model(tiny.config())
        pixels, tokens, mask, h = embedded(model)
        y = eq3(model, h, range(4), bias_of(model, mask))
        expected = model.heads["vqa"](y[:, [0, model.config.image_tokens]])
        logits = model.vqa(pixels, tokens, mask, range(4))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)

    def test_a_statement_s_two_rows_are_joined_at_the_head(self) -> None:
        model = tiny.model(tiny.config(tasks=("reason",)))
        _, tokens, mask, _ = embedded(model)
        left, right = tiny.pixels(3, seed=5), tiny.pixels(3, seed=6)
        read = [0, model.config.image_tokens]
        rows = []
        for number in range(3):
            one = slice(number, number + 1)
            for pixels in (left, right):
                h = torch.cat([model.stem.image(pixels[one]), model.stem.text(tokens[one])], dim=1)
                rows.append(eq3(model, h, (0, 1, 3), bias_of(model, mask[one]))[0, read])
        y = torch.stack([torch.stack(rows[2 * n : 2 * n + 2]) for n in range(3)])
        logits = model.reason(torch.stack([left, right], 1), tokens, mask, (0, 1, 3))
        torch.testing.assert_close(logits, model.heads["reason"](y), rtol=1e-5, atol=1e-5)
        swapped = model.reason(torch.stack([right, left], 1), tokens, mask, (0, 1, 3))
        assert not torch.allclose(logits, swapped)

    def test_readout_last_is_the_last_executed_order(self) -> None:
        model = tiny.model(tiny.config(readout="last"))
        _, _, mask, h = embedded(model)
        bias = bias_of(model, mask)
        nv = model.config.image_tokens
        last, y = model.chain(h, (0, 1, 2), nv, bias, model.read_joint)
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


class TestRows:
    def answers(self, executed: Sequence[int] = range(4)) -> tuple[OtmvModel, Tensor]:
        model = tiny.model(tiny.config())
        pixels, tokens, mask, _ = embedded(model)
        return model, model.vqa(pixels, tokens, mask, executed)

    def test_a_row_alone_is_the_row_in_company(self) -> None:
        model, together = self.answers()
        pixels, tokens, mask, _ = embedded(model)
        for row in range(3):
            one = slice(row, row + 1)
            alone = model.vqa(pixels[one], tokens[one], mask[one], range(4))
            torch.testing.assert_close(alone, together[one], rtol=1e-5, atol=1e-5)

    def test_padding_does_not_matter(self) -> None:
        model, together = self.answers()
        pixels, tokens, mask, _ = embedded(model)
        other = torch.where(mask, tokens, tiny.PAD)
        assert torch.equal(model.vqa(pixels, other, mask, range(4)), together)
        short = model.vqa(pixels[1:2], tokens[1:2, :3], mask[1:2, :3], range(4))
        torch.testing.assert_close(short, together[1:2], rtol=1e-5, atol=1e-5)

    def test_rows_at_different_orders_of_one_key_share_a_batch(self) -> None:
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

    def test_heads_follow_the_tasks(self) -> None:
        assert set(tiny.model(tiny.config(tasks=("vqa",))).heads) == {"vqa"}
        assert set(tiny.model(tiny.config(tasks=("caption",))).heads) == {"caption"}
        assert set(tiny.model(tiny.config(tasks=("reason",))).heads) == {"reason"}
