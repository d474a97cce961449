"""The key block: the matrices that every order of one key shares, and the orders' own small tables.

BEiT-3's released multiway block with sub-LN (Magneto): LN, attention with an LN before its output
projection, residual; LN, feed-forward with an LN inside, residual. Vision and language have their
own attention projections and norms; attention itself runs over both together. OTMV (supplement,
eq. 1-4) shares the matrices over the orders, may merge the feed-forward of the two modalities, and
multiplies each order's output by a learned scalar, the coefficient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from models.adapters.hooked import BlockHooks
from models.adapters.skipping.order_adapter import OrderAdapter, beside
from models.attention import attend, widened
from models.norms import IMAGE, TEXT, Order, OrderNorm, Parts, join, of_order

MASKED = -1.0e4
"""Finite fill of a masked attention score: its softmax weight is exactly zero in fp32."""


@dataclass(frozen=True)
class BlockShape:
    """What a block has inside; its input and output are the model's width."""

    heads: int
    head_width: int
    ffn_width: int

    @classmethod
    def of(cls, config: ModelConfig) -> BlockShape:
        """Return the shape of the config's own blocks."""
        return cls(config.heads, config.head_width, config.ffn_width)

    @property
    def attention_width(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head_width


class KeyBlock(nn.Module):
    """One key's matrices, and the norms and coefficient of each of its orders.

    Args:
        config: shape of the model.
        orders: how many orders reuse this key.
        shape: what the block has inside, if not what the config says (pruned models, ADR 0022).

    Attributes:
        hooks: an adapter's, if one is attached (ADR 0031).
        attention_beside, ffn_beside: DAS's adapters, in a model that has them (ADR 0037).
        drop_path: for each order, the chance that a branch is left out for an example while tuning
            (Huang et al., stochastic depth).
    """

    def __init__(self, config: ModelConfig, orders: int, shape: BlockShape | None = None) -> None:
        super().__init__()
        self.shape = shape or BlockShape.of(config)
        width, mixed, ffn = config.width, self.shape.attention_width, self.shape.ffn_width
        self.heads = self.shape.heads
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * mixed) for _ in (IMAGE, TEXT))
        self.out = nn.ModuleList(nn.Linear(mixed, width) for _ in (IMAGE, TEXT))
        branches = 1 if config.merged_feed_forward else 2
        self.fc1 = nn.ModuleList(nn.Linear(width, ffn) for _ in range(branches))
        self.fc2 = nn.ModuleList(nn.Linear(ffn, width) for _ in range(branches))
        eps = config.layer_norm_eps
        self.attention_norm = OrderNorm(orders, width, eps)
        self.inner_attention_norm = OrderNorm(orders, mixed, eps)
        self.ffn_norm = OrderNorm(orders, width, eps)
        self.inner_ffn_norm = OrderNorm(orders, ffn, eps)
        self.coefficient = nn.Parameter(torch.ones(orders))
        self.attention_beside: OrderAdapter | None = beside(config, orders)
        self.ffn_beside: OrderAdapter | None = beside(config, orders)
        self.hooks: BlockHooks | None = None
        self.drop_path = (0.0,) * orders
        self.reset(config.orders)

    def reset(self, depth: int) -> None:
        """Initialise as torchscale does with sub-LN; `depth` is the executed depth of the model."""
        qkv, others = _linears(self.qkv), _linears(self.out, self.fc1, self.fc2)
        for linear in (*qkv, *others):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        gain = math.sqrt(math.log(2 * depth)) if depth > 1 else 1.0
        with torch.no_grad():
            for linear in qkv:
                width = linear.out_features // 3
                linear.weight[: 2 * width] /= math.sqrt(2)
                linear.weight[2 * width :] *= gain / math.sqrt(2)
            for linear in others:
                linear.weight *= gain

    def forward(self, h: Tensor, order: Order, image_tokens: int, bias: Tensor | None) -> Tensor:
        """Run one order over image and text together (or over one of them alone).

        Args:
            h: `[batch, tokens, width]`, image tokens first.
            order: order inside this key.
            image_tokens: how many leading tokens are the image's.
            bias: additive attention bias, broadcasts to `[batch, heads, tokens, tokens]`; or None.

        Returns:
            `c_k * F(h)`, `[batch, tokens, width]`.
        """
        q, k, v = self.project(h, order, image_tokens)
        k, v = self.prefixed(k, v, order)
        return self.finish(h, attend(q, k, v, widened(bias, k)), order, image_tokens)

    def image_pass(
        self, h: Tensor, order: Order, image_tokens: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run one order over the image alone and keep its keys and values.

        Args:
            h: `[batch, image tokens, width]`; an adapter's prompt may stand behind them.
            order: order inside this key.
            image_tokens: how many are the image's; None: all.

        Returns:
            `(h', k, v)`; k and v `[batch, heads, image tokens, head width]`, an adapter's prefix
            before them.
        """
        image_tokens = h.shape[1] if image_tokens is None else image_tokens
        q, k, v = self.project(h, order, image_tokens)
        k, v = self.prefixed(k, v, order)
        return self.finish(h, attend(q, k, v, None), order, image_tokens), k, v

    def decode(
        self, h: Tensor, order: Order, k: Tensor, v: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run one order over [last word, MASK]; each sees the cache and itself, MASK also the word.

        Args:
            h: `[batch, 2, width]`.
            order: order inside this key.
            k: cached keys `[batch, heads, cached, head width]`.
            v: cached values, same shape.
            mask: bool `[batch, cached]`, True where the cached entry is real.

        Returns:
            `(h', k_new, v_new)`; the new key and value are the last word's,
            `[batch, heads, 1, head width]`. MASK's are dropped.
        """
        q, k_new, v_new = self.project(h, order, 0)
        # Made where it is read: a graph on the device cannot be captured while the host uploads it.
        causal = torch.full((2, 2), MASKED, dtype=h.dtype, device=h.device).triu(1)
        q = q * q.shape[-1] ** -0.5
        seen = q @ k.transpose(2, 3) + key_mask_bias(mask, h.dtype)
        own = q @ k_new.transpose(2, 3) + causal
        # Only the scores are joined: joining keys and values would copy the whole cache.
        shares = torch.cat([seen, own], dim=-1).softmax(-1)
        cached = k.shape[2]
        mixed = shares[..., :cached] @ v + shares[..., cached:] @ v_new
        mixed = mixed.transpose(1, 2).flatten(2)
        return self.finish(h, mixed, order, 0), k_new[:, :, :1], v_new[:, :, :1]

    def project(self, h: Tensor, order: Order, image_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
        """Norm and project to queries, keys, values, each `[batch, heads, tokens, head width]`."""
        qkv = self._linear("qkv", self._normed("attention_norm", h, order, image_tokens), order)
        batch, tokens, _ = h.shape
        qkv = qkv.view(batch, tokens, 3, self.heads, self.shape.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return q, k, v

    def finish(self, h: Tensor, mixed: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Output projection, residual, feed-forward, residual, coefficient."""
        parts = self._normed("inner_attention_norm", mixed, order, image_tokens)
        branch = self.attention_output(parts, h, order, image_tokens)
        h = _with(self.attention_beside, h, order) + self._kept(branch, order)
        parts = self._normed("ffn_norm", h, order, image_tokens)
        x = nn.functional.gelu(self._linear("fc1", parts, order))
        parts = self._normed("inner_ffn_norm", x, order, image_tokens)
        branch = self.ffn_output(parts, h, order, image_tokens)
        h = _with(self.ffn_beside, h, order) + self._kept(branch, order)
        if isinstance(order, int):
            return h * self.coefficient[order]
        return h * of_order(self.coefficient.unsqueeze(1), order)

    def _kept(self, branch: Tensor, order: Order) -> Tensor:
        """Leave a branch out for some examples while tuning; the others make up for it."""
        rate = self.drop_path[order] if self.training and isinstance(order, int) else 0.0
        if not rate:
            return branch
        kept = torch.full_like(branch[:, :1, :1], 1 - rate).bernoulli_()
        return branch * (kept / (1 - rate))

    def attention_output(self, parts: Parts, h: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Project what attention mixed; the sum with `h` follows. A comparator may override it."""
        y = self._linear("out", parts, order)
        return (
            y if self.hooks is None else self.hooks.output("attention", y, h, order, image_tokens)
        )

    def ffn_output(self, parts: Parts, h: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Project the feed-forward's inside; the sum with `h` follows. As `attention_output`."""
        y = self._linear("fc2", parts, order)
        return y if self.hooks is None else self.hooks.output("ffn", y, h, order, image_tokens)

    def prefixed(self, k: Tensor, v: Tensor, order: Order) -> tuple[Tensor, Tensor]:
        """Put an adapter's rows before keys and values."""
        return (k, v) if self.hooks is None else self.hooks.prefixed(k, v, order)

    def _normed(self, name: str, x: Tensor, order: Order, image_tokens: int) -> Parts:
        changes = None if self.hooks is None else self.hooks.norm(name, order)
        parts: Parts = getattr(self, name)(x, order, image_tokens, changes)
        return parts

    def _linear(self, name: str, parts: Parts, order: Order) -> Tensor:
        linears: nn.ModuleList = getattr(self, name)
        if self.hooks is None:
            return _per_modality(linears, parts)
        return self.hooks.linear(
            ("q", "k", "v") if name == "qkv" else (name,), linears, parts, order
        )


def key_mask_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a bool key mask `[batch, tokens]` into an additive bias `[batch, 1, 1, tokens]`."""
    return torch.where(mask, 0.0, MASKED).to(dtype)[:, None, None, :]


def _with(adapter: OrderAdapter | None, h: Tensor, order: Order) -> Tensor:
    """Add what an adapter makes of the stream, if there is one."""
    return h if adapter is None else h + adapter(h, order)


def _linears(*lists: nn.ModuleList) -> list[nn.Linear]:
    return [linear for each in lists for linear in each if isinstance(linear, nn.Linear)]


def _per_modality(linears: nn.ModuleList, parts: Parts) -> Tensor:
    """Apply each modality's linear to its tokens, or the merged one to all; `[batch, tokens, out]`.

    Tokens are joined once, so that no graph copies them twice.
    """
    if len(linears) == 1:
        merged: Tensor = linears[0](join(parts))
        return merged
    return join({modality: linears[modality](x) for modality, x in parts.items()})
