"""The OTMV series over BEiT-3: one chain over all orders, read out as a sum (ADR 0006).

    h_k = c_k F(h_{k-1})            every executed order k (a closed gate leaves h alone)
    y   = sum of executed h_k       readout "series" (supplement, eq. 3, its nested form)
    y   = h of the last one         readout "last" (the reference model)

The heads read one or two tokens, so only these tokens are accumulated, in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from artifact.config import ModelConfig
from artifact.pattern import Skipping
from artifact.task import TaskName
from models.adapters.skipping.order_adapter import OrderAdapter
from models.key_block import KeyBlock
from models.stem import Stem
from models.tasks import make_heads


class Stack(nn.Module):
    """A BEiT-3 encoder whose orders share key blocks, and the heads of its tasks.

    Args:
        config: shape, keys, readout and tasks.

    Attributes:
        config: the same.
        stem: embeds pixels and tokens.
        keys: the key blocks.
        heads: by task name.
        patches: the adapters that take the place of skipped orders (ADR 0037); None: a skipped
            order is left out.
        recomputed: while tuning, key blocks keep only their inputs and are computed again on the
            way back: less memory, more time.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.keys = nn.ModuleList(
            KeyBlock(config, len(config.orders_of_key(g))) for g in range(config.keys)
        )
        self.heads = make_heads(config)
        self.patches: OrderAdapter | None = _patches(config.skipping, config)
        self.recomputed = False

    def embedded(self, task: TaskName, pixels: Tensor) -> Tensor:
        """Embed pictures of a task: uint8 `[batch, side, side, 3]` to `[batch, tokens, width]`.

        Raises:
            ValueError: the task takes pictures of another side.
        """
        side, wanted = pixels.shape[-2], self.config.image_size_of(task)
        if side != wanted:
            raise ValueError(f"pictures of {side} px; {task} takes them of {wanted} px")
        return self.stem.image(pixels)

    def key_of(self, order: int) -> tuple[KeyBlock, int]:
        """Return the key block of a global order, and the order's index inside that key."""
        key = self.keys[self.config.key_of_order[order]]
        assert isinstance(key, KeyBlock)
        return key, self.config.order_in_key(order)

    def chain(
        self,
        h: Tensor,
        executed: Sequence[int],
        image_tokens: int,
        bias: Tensor | None,
        read: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Run the executed orders, and adapters in place of the others if the model has them.

        Args:
            h: stem output `[batch, tokens, width]`.
            executed: global orders, ascending.
            image_tokens: leading image tokens.
            bias: additive attention bias, or None.
            read: picks the readout tokens, `[batch, tokens, width] -> [batch, read, width]`.

        Returns:
            `(h, y)`: the last hidden state, and the fp32 readout `[batch, read, width]`.
        """
        y: Tensor | None = None
        opened = frozenset(executed)
        for order in executed if self.patches is None else range(self.config.orders):
            key, order_in_key = self.key_of(order)
            if self.patches is not None and order not in opened:
                h = h + self.patches(h, order)
            elif self.recomputed and self.training:
                h = checkpoint(key, h, order_in_key, image_tokens, bias, use_reentrant=False)
            else:
                h = key(h, order_in_key, image_tokens, bias)
            y = self.accumulate(y, read(h))
        assert y is not None, "order 0 is always executed"
        return h, y

    def accumulate(self, y: Tensor | None, r: Tensor) -> Tensor:
        """Take one order's output into the readout.

        Args:
            y: fp32 readout of the orders before, None at the first.
            r: the order's output at the readout tokens, `[batch, read, width]`.

        Returns:
            The fp32 readout, `[batch, read, width]`.
        """
        r = r.float()
        return r if y is None or self.config.readout == "last" else y + r


def _patches(said: Skipping | None, config: ModelConfig) -> OrderAdapter | None:
    if said is None or not said.replacing:
        return None
    return OrderAdapter(config.orders, config.width, said.replacing)
