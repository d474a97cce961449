"""Task heads. Each reads one token of the readout `y`; a final norm, if any, is here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig


class VqaHead(nn.Module):
    """BEiT-3's VQA head: norm, tanh pooler on token 0, two-layer classifier. No final norm.

    Args:
        config: shape of the model; `num_answers` classes.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, eps = config.width, config.layer_norm_eps
        self.pooler_norm = nn.LayerNorm(width, eps=eps)
        self.pooler = nn.Linear(width, width)
        self.hidden = nn.Linear(width, 2 * width)
        self.hidden_norm = nn.LayerNorm(2 * width)
        self.answers = nn.Linear(2 * width, config.num_answers)

    def forward(self, y: Tensor) -> Tensor:
        """Score the answers.

        Args:
            y: fp32 `[batch, 2, width]`, readout at image token 0 and text token 0.

        Returns:
            logits `[batch, num_answers]`.
        """
        pooled = self.pooler(self.pooler_norm(y[:, 0])).tanh()
        logits: Tensor = self.answers(nn.functional.gelu(self.hidden_norm(self.hidden(pooled))))
        return logits


class CaptionHead(nn.Module):
    """BEiT-3's caption head: the encoder's final text norm, then a linear over the vocabulary.

    Args:
        config: shape of the model.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.final_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.words = nn.Linear(config.width, config.vocab_size)

    def forward(self, y: Tensor) -> Tensor:
        """Score the next word.

        Args:
            y: fp32 `[batch, masks, width]`, readout at the MASK tokens.

        Returns:
            logits `[batch, masks, vocab_size]`.
        """
        logits: Tensor = self.words(self.final_norm(y))
        return logits


class ReasonHead(nn.Module):
    """BEiT-3's NLVR2 head: the encoder's final norms, then two layers over both pictures' tokens.

    Args:
        config: shape of the model.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, eps = config.width, config.layer_norm_eps
        self.final_norm_image = nn.LayerNorm(width, eps=eps)
        self.final_norm_text = nn.LayerNorm(width, eps=eps)
        self.pair_norm = nn.LayerNorm(4 * width)
        self.hidden = nn.Linear(4 * width, 2 * width)
        self.hidden_norm = nn.LayerNorm(2 * width)
        self.truth = nn.Linear(2 * width, 2)

    def forward(self, y: Tensor) -> Tensor:
        """Score a statement.

        Args:
            y: fp32 `[batch, 2, 2, width]`: of the left and the right picture, the readout at image
                token 0 and text token 0.

        Returns:
            logits `[batch, 2]`: false, true.
        """
        image, text = self.final_norm_image(y[:, :, 0]), self.final_norm_text(y[:, :, 1])
        pair = self.pair_norm(torch.cat([image, text], dim=-1).flatten(1))
        logits: Tensor = self.truth(nn.functional.gelu(self.hidden_norm(self.hidden(pair))))
        return logits
