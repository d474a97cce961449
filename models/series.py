"""The whole model: the OTMV series, and the answers of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from artifact.task import Task
from models.captions import CaptionStack
from models.key_block import key_mask_bias


class OtmvModel(CaptionStack):
    """A BEiT-3 encoder whose orders share key blocks; answers every task of its config."""

    def answer(
        self,
        task: Task,
        pixels: Tensor,
        tokens: Tensor,
        text_mask: Tensor | None,
        executed: Sequence[int],
    ) -> Tensor:
        """Answer requests of a task that takes one pass through the stack.

        A request with several pictures has one row for each; the head joins them.

        Args:
            task: one of the model's, which does not write.
            pixels: uint8 `[batch, side, side, 3]`; `[batch, pictures, side, side, 3]` of a task
                with several rows a request.
            tokens: int64 `[batch, length]`, padded.
            text_mask: bool `[batch, length]`, True for real tokens; None where nothing is padded
                (attention without a bias has faster kernels on a GPU).
            executed: global orders, ascending, starting with 0.

        Returns:
            fp32 logits `[batch, classes]`.
        """
        rows = task.rows
        if rows > 1:  # in this order: exported graphs keep it
            tokens = tokens.repeat_interleave(rows, dim=0)
            text_mask = None if text_mask is None else text_mask.repeat_interleave(rows, dim=0)
            pixels = pixels.flatten(0, 1)
        y = self._joint(self.embedded(task.name, pixels), tokens, text_mask, executed)
        logits: Tensor = self.heads[task.name](y if rows == 1 else y.view(-1, rows, *y.shape[1:]))
        return logits

    def _joint(
        self, image: Tensor, tokens: Tensor, text_mask: Tensor | None, executed: Sequence[int]
    ) -> Tensor:
        """Run embedded pictures and texts together; fp32 readout `[rows, 2, width]`."""
        text, prompt = self.stem.text(tokens), self.stem.prompt(image)
        if prompt is not None:
            text = torch.cat([text, prompt], dim=1)
            if text_mask is not None:
                text_mask = nn.functional.pad(text_mask, (0, prompt.shape[1]), value=True)
        h, image_tokens = torch.cat([image, text], dim=1), image.shape[1]
        bias = None
        if text_mask is not None:
            real = nn.functional.pad(text_mask, (image_tokens, 0), value=True)
            bias = key_mask_bias(real, h.dtype)
        return self.chain(h, executed, image_tokens, bias, read_joint(image_tokens))[1]


def read_joint(image_tokens: int) -> Callable[[Tensor], Tensor]:
    """Return what picks image token 0 and text token 0: `[batch, 2, width]`.

    Args:
        image_tokens: how many tokens the picture has; they lead.
    """

    def read(h: Tensor) -> Tensor:
        return torch.cat([h[:, :1], h[:, image_tokens : image_tokens + 1]], dim=1)

    return read
