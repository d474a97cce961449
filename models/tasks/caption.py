"""The head of captions."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import CAPTION
from models.tasks.head import Head


class CaptionHead(Head):
    """BEiT-3's caption head: the encoder's final text norm, then a linear over the vocabulary.

    Args:
        config: shape of the model.
    """

    released: ClassVar = {"final_norm": "beit3.encoder.layer_norm.B", "words": "mlm_head"}
    released_task = CAPTION.name

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.final_norm = self.final_norm_of(config, CAPTION.name)
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
