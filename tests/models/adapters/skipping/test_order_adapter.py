"""DAS's adapters in the model, against the published formula written out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern, Skipping
from models.adapters.skipping.order_adapter import OrderAdapter
from models.attention import attend
from models.norms import join
from tests.models.tiny import config, model


class ReleasedAdapter(nn.Module):
    """The released layer, as modules of torch: LayerNorm, Linear, ReLU, Linear."""

    def __init__(self, adapter: OrderAdapter, order: int) -> None:
        super().__init__()
        width, inner = adapter.down.shape[1:]
        self.norm, self.down, self.up = (
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            nn.Linear(inner, width),
        )
        with torch.no_grad():
            self.norm.weight.copy_(adapter.norm_scale[order])
            self.norm.bias.copy_(adapter.norm_shift[order])
            self.down.weight.copy_(adapter.down[order].T)
            self.down.bias.copy_(adapter.down_shift[order])
            self.up.weight.copy_(adapter.up[order].T)
            self.up.bias.copy_(adapter.shift[order])

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.up(torch.relu(self.down(self.norm(x))))
        return found


def shape() -> ModelConfig:
    return config(tasks=("vqa",), skipping=Skipping(beside=3, replacing=6, variants=((1, 3),)))


def randomised(adapter: OrderAdapter) -> OrderAdapter:
    with torch.no_grad():
        for each in adapter.parameters():
            each += 0.3 * torch.randn(each.shape)
    return adapter


@torch.inference_mode()
def test_each_order_has_the_released_adapter() -> None:
    torch.manual_seed(0)
    adapter, x = randomised(OrderAdapter(3, 16, 5)), torch.randn(3, 4, 16)
    expected = torch.cat([ReleasedAdapter(adapter, k)(x[k : k + 1]) for k in range(3)])
    alone = torch.cat([adapter(x[k : k + 1], k) for k in range(3)])
    torch.testing.assert_close(alone, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(adapter(x, torch.arange(3)), expected, rtol=1e-5, atol=1e-6)


def test_it_begins_as_published() -> None:
    torch.manual_seed(0)
    adapter = OrderAdapter(2, 64, 32)
    assert adapter.down.std().item() == pytest.approx(0.02, rel=0.05)
    assert adapter.up.std().item() == pytest.approx(0.02, rel=0.05)
    assert not adapter.down_shift.any()
    assert not adapter.shift.any()
    assert bool((adapter.norm_scale == 1).all())


@torch.inference_mode()
def test_a_skipped_order_is_its_adapter_with_a_residual() -> None:
    made = model(shape())
    patches = made.patches
    assert patches is not None
    h, tokens = torch.randn(2, 7, 16), 5
    found, y = made.chain(h, (0, 2), tokens, None, lambda each: each[:, :1])

    expected, terms = h, []
    for order in range(4):
        if order in (0, 2):
            key, inside = made.key_of(order)
            expected = key(expected, inside, tokens, None)
        else:
            expected = expected + ReleasedAdapter(patches, order)(expected)
        terms.append(expected[:, :1])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(y, torch.stack(terms).sum(0), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_kept_order_has_adapters_beside_both_sub_layers() -> None:
    made = model(shape())
    key, inside = made.key_of(1)
    assert key.attention_beside is not None
    assert key.ffn_beside is not None
    where, h = (inside, 5), torch.randn(2, 7, 16)
    mixed = attend(*key.project(h, *where), None)
    parts = key.inner_attention_norm(mixed, *where)
    expected = h + ReleasedAdapter(key.attention_beside, inside)(h)
    expected = expected + key.attention_output(parts, h, *where)
    parts = key.ffn_norm(expected, *where)
    inner = nn.functional.gelu(key.fc1[0](join(parts)))
    branch = key.fc2[0](join(key.inner_ffn_norm(inner, *where)))
    expected = expected + ReleasedAdapter(key.ffn_beside, inside)(expected) + branch
    expected = expected * key.coefficient[inside]
    torch.testing.assert_close(key(h, *where, None), expected, rtol=1e-5, atol=1e-5)


def test_a_config_says_what_is_skipped_and_reads_it_back() -> None:
    said = shape()
    assert ModelConfig.from_fields(said.to_fields()) == said
    assert "skipping" not in config().to_fields()
    assert said.skipping is not None
    (pattern,) = said.skipping.patterns(4)
    assert pattern == SkipPattern((0, 2), 4, replaced=True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tasks": ("vqa", "caption")}, "caption writes, so it needs all orders"),
        ({"skipping": Skipping(3, 6, ((1, 9),))}, "the stack has 4 orders"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(shape(), **changes)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"beside": 0, "replacing": 6}, "beside is a number from 1"),
        ({"beside": 3}, "replacing"),
        ({"beside": 3, "replacing": 6, "variants": [[0, 1]]}, "orders ascend from 1 on"),
        ({"beside": 3, "replacing": 6, "variants": [[1], [1]]}, "two variants skip the same"),
        ({"beside": 3, "replacing": 6, "more": 1}, "more"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Skipping.from_fields(fields)


def test_no_replaced_pattern_begins_another() -> None:
    short = SkipPattern((0, 1), 4, replaced=True)
    long = SkipPattern((0, 1, 2), 4, replaced=True)
    assert short.is_prefix_of(short)
    assert not short.is_prefix_of(long)
    assert not short.is_prefix_of(SkipPattern((0, 1, 2), 4))


@torch.inference_mode()
def test_without_replacing_adapters_an_order_is_left_out() -> None:
    said = replace(shape(), skipping=Skipping(beside=3, replacing=0, variants=((1, 3),)))
    made, h = model(said), torch.randn(2, 7, 16)
    assert made.patches is None
    assert not said.replaces
    found, _ = made.chain(h, (0, 2), 5, None, lambda each: each[:, :1])
    for order in (0, 2):
        key, inside = made.key_of(order)
        h = key(h, inside, 5, None)
    torch.testing.assert_close(found, h)
