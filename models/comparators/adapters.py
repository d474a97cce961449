"""What tuning with few parameters leaves in the graph: bottlenecks, gates, low-rank products.

BEiT-3 has a copy of every matrix for each modality, so each modality has its own adapter too; a
token passes one adapter either way, so a shared adapter would need the same FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from models.comparators.settings import (
    ADAPTER_WIDTH,
    LORA_ALPHA,
    LORA_RANK,
    VLPET_HEADS,
    VLPET_RANK,
)
from models.comparators.slices import holding
from models.key_block import KeyBlock
from models.norms import IMAGE, TEXT, Order, Parts, join, split

_STD = 0.02
"""Of drawn weights: an adapter that was never tuned is close to doing nothing."""


class Bottleneck(nn.Module):
    """Houlsby's adapter: down, GELU, up, and a residual of its own.

    Args:
        width: of what it reads and returns.
        inner: of the bottleneck.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down = _drawn(width, inner)
        self.up = _drawn(inner, width)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Adapt a sub-layer's output `x`; `h`, the stream it will be added to, is not read."""
        adapted: Tensor = x + self.up(nn.functional.gelu(self.down(x)))
        return adapted


class GatedBottleneck(nn.Module):
    """VL-PET-large's module: a bottleneck that goes down in heads, times a gate read from `h`.

    The heads read the same input and lie behind one another, so they are one product here.

    Args:
        width: of what it reads and returns.
        inner: of the bottleneck and of the gate's.
        heads: of the bottleneck; divides `inner`.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        if inner % heads:
            raise ValueError(f"{heads} heads do not divide a bottleneck of {inner}")
        self.bottleneck = Bottleneck(width, inner)
        with torch.no_grad():
            rows = [_drawn(width, inner // heads).weight for _ in range(heads)]
            self.bottleneck.down.weight.copy_(torch.cat(rows))
        self.gate_down = _drawn(width, inner)
        self.gate_up = _drawn(inner, width)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Adapt a sub-layer's output `x`, gated by `h`, the stream it will be added to."""
        gate = self.gate_up(nn.functional.gelu(self.gate_down(h))).sigmoid()
        adapted: Tensor = self.bottleneck(x, h) * gate
        return adapted


class AdaptedBlock(KeyBlock):
    """A block whose two sub-layers end in adapters, before the residual.

    Args:
        config: shape of the model.
        adapters: four modules `(x, h) -> x`: attention's image and text, then feed-forward's.
    """

    def __init__(self, config: ModelConfig, adapters: nn.ModuleList) -> None:
        super().__init__(config, 1)
        self.attention_adapters = adapters[:2]
        self.ffn_adapters = adapters[2:]

    def attention_output(self, parts: Parts, h: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Project, then adapt."""
        return _adapted(self.out, self.attention_adapters, parts, split(h, image_tokens))

    def ffn_output(self, parts: Parts, h: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Project, then adapt."""
        return _adapted(self.fc2, self.ffn_adapters, parts, split(h, image_tokens))


def _adapted(linears: nn.ModuleList, adapters: nn.ModuleList, parts: Parts, h: Parts) -> Tensor:
    return join({m: adapters[m](linears[m](x), h[m]) for m, x in parts.items()})


def adapt(block: KeyBlock, config: ModelConfig, make: Callable[[int], nn.Module]) -> KeyBlock:
    """Return the block with adapters; its own tensors are shared, not copied.

    Args:
        block: of one order, feed-forward not merged.
        config: shape of the model.
        make: makes an adapter for a width.
    """
    adapters = nn.ModuleList(make(config.width) for _ in range(4))
    with torch.device("meta"):
        made = AdaptedBlock(config, adapters)
    return holding(made, block.state_dict())


ADAPTERS: Mapping[str, Callable[[KeyBlock, ModelConfig], KeyBlock]] = {
    "petadapter": partial(adapt, make=lambda width: Bottleneck(width, ADAPTER_WIDTH)),
    "vladapter": partial(adapt, make=lambda width: Bottleneck(width, max(width // 8, 1))),
    "vlpet": partial(adapt, make=lambda width: GatedBottleneck(width, VLPET_RANK, VLPET_HEADS)),
}
"""By method: makes a base's block the method's."""


class LoraProjection(nn.Module):
    """Queries, keys and values with a low-rank product beside queries and values.

    W x + (α / r) B A x; both A lie behind one another, as they read the same x.

    Args:
        base: the projection to queries, keys and values, behind one another.
        rank: of each product; at most the width.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        width = base.out_features // 3
        self.base = base
        self.rank = min(rank, width)
        self.scale = LORA_ALPHA / rank
        self.down = _drawn(base.in_features, 2 * self.rank, bias=False)
        self.up_q, self.up_v = (_drawn(self.rank, width, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Project `[batch, tokens, width]` to `[batch, tokens, 3 * width]`."""
        q, k, v = self.base(x).chunk(3, dim=-1)
        low_q, low_v = (self.down(x) * self.scale).chunk(2, dim=-1)
        return torch.cat([q + self.up_q(low_q), k, v + self.up_v(low_v)], dim=-1)

    def merged(self) -> nn.Linear:
        """Return the base with both products added to its weight: what LoRA serves."""
        low_q, low_v = self.down.weight.chunk(2)
        q, v = self.up_q.weight @ low_q, self.up_v.weight @ low_v
        with torch.no_grad():
            self.base.weight += self.scale * torch.cat([q, torch.zeros_like(q), v])
        return self.base


def add_lora(block: KeyBlock) -> None:
    """Put a low-rank product beside both modalities' queries and values."""
    for modality in (IMAGE, TEXT):
        base = block.qkv[modality]
        assert isinstance(base, nn.Linear)
        block.qkv[modality] = LoraProjection(base, LORA_RANK)


def merge_lora(block: KeyBlock) -> None:
    """Add the same products to the weights; the structure is the base's again."""
    add_lora(block)
    for modality in (IMAGE, TEXT):
        lora = block.qkv[modality]
        assert isinstance(lora, LoraProjection)
        block.qkv[modality] = lora.merged()


def _drawn(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(linear.weight, std=_STD)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear
