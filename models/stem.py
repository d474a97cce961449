"""BEiT-3's embeddings: pictures to patches, words to vectors, learned positions per modality.

Pictures of each size that a task has (ADR 0028) have a table of positions of their own, as each
released checkpoint has; nothing is interpolated while the model runs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from models.adapters.hooked import StemHooks
from models.norms import IMAGE, TEXT

POSITION_OFFSET = 2
"""torchscale reserves positions 0 and 1; the first token of either modality stands at 2."""


class Stem(nn.Module):
    """Embeds pixels and tokens.

    Args:
        config: shape of the model.

    Attributes:
        hooks: an adapter's, if one is attached (ADR 0031).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.patches = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.words = nn.Embedding(config.vocab_size, width)
        self.image_positions = nn.Embedding(config.image_tokens + POSITION_OFFSET, width)
        self.text_positions = nn.Embedding(config.max_text_positions + POSITION_OFFSET, width)
        own, *others = config.image_sizes
        self.image_size = own
        self.other_image_positions = nn.ModuleDict(
            {
                str(side): nn.Embedding(config.image_tokens_at(side) + POSITION_OFFSET, width)
                for side in others
            }
        )
        self.hooks: StemHooks | None = None
        nn.init.normal_(self.words.weight, std=width**-0.5)
        tables = (self.image_positions, self.text_positions, *map(self._positions, others))
        for table in tables:
            nn.init.normal_(table.weight, std=width**-0.5)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def image(self, pixels: Tensor) -> Tensor:
        """Embed pictures.

        Args:
            pixels: uint8 `[batch, side, side, 3]`, RGB, of one of the config's sizes. Normalised
                here with mean and std 0.5.

        Returns:
            `[batch, 1 + patches, width]`, CLS first.
        """
        weight = self.patches.weight
        x = pixels.permute(0, 3, 1, 2).to(weight.dtype) * (2.0 / 255.0) - 1.0
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1).to(x.dtype), x], dim=1)
        x = x + self._positions(pixels.shape[1]).weight[POSITION_OFFSET:]
        return x if self.hooks is None else self.hooks.embedded(IMAGE, x)

    def _positions(self, side: int) -> nn.Embedding:
        """Return the positions of pictures of that side, in pixels.

        Raises:
            ValueError: no task of the model takes such pictures.
        """
        if side == self.image_size:
            return self.image_positions
        if str(side) not in self.other_image_positions:
            sizes = ", ".join(map(str, (self.image_size, *self.other_image_positions)))
            raise ValueError(f"pictures of {side} px; the tasks of this model take {sizes}")
        table = self.other_image_positions[str(side)]
        assert isinstance(table, nn.Embedding)
        return table

    def text(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Embed words.

        Args:
            tokens: int64 `[batch, length]`.
            positions: int64, broadcastable to `tokens`, 0-based; default counts from 0.

        Returns:
            `[batch, length, width]`.
        """
        if positions is None:
            positions = torch.arange(tokens.shape[1], device=tokens.device)
        embedded: Tensor = self.words(tokens) + self.text_positions(positions + POSITION_OFFSET)
        return embedded if self.hooks is None else self.hooks.embedded(TEXT, embedded)

    def prompt(self, embedded: Tensor) -> Tensor | None:
        """Return an adapter's prompt rows for embedded tokens; None: there are none.

        Args:
            embedded: `[batch, tokens, width]`.

        Returns:
            `[batch, rows, width]`, tokens of the text.
        """
        return None if self.hooks is None else self.hooks.prompt(embedded)


def resized_positions(table: Tensor, patches: int) -> Tensor:
    """Interpolate a table of picture positions, as BEiT-3 does: bicubic over the grid.

    Args:
        table: `[POSITION_OFFSET + 1 + before², width]`.
        patches: along a side of the new grid.

    Returns:
        `[POSITION_OFFSET + 1 + patches², width]`.
    """
    first, old = table[: POSITION_OFFSET + 1], table[POSITION_OFFSET + 1 :]
    before = math.isqrt(len(old))
    if before == patches:
        return table
    grid = old.reshape(1, before, before, -1).permute(0, 3, 1, 2)
    size = (patches, patches)
    grid = nn.functional.interpolate(grid, size=size, mode="bicubic", align_corners=False)
    return torch.cat([first, grid.permute(0, 2, 3, 1).flatten(0, 2)])
