"""The head of statements about two pictures."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from models.tasks.head import Head


class ReasonHead(Head):
    """BEiT-3's NLVR2 head: the encoder's final norms, then two layers over both pictures' tokens.

    Args:
        config: shape of the model.
    """

    released: ClassVar = {
        "final_norm_image": "beit3.encoder.layer_norm.A",
        "final_norm_text": "beit3.encoder.layer_norm.B",
        "pair_norm": "head.norm1",
        "hidden": "head.dense1",
        "hidden_norm": "head.norm2",
        "truth": "head.dense2",
    }
    released_task = REASON.name

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width = config.width
        self.final_norm_image = self.final_norm_of(config, REASON.name)
        self.final_norm_text = self.final_norm_of(config, REASON.name)
        self.pair_norm = nn.LayerNorm(4 * width)
        self.hidden = nn.Linear(4 * width, 2 * width)
        self.hidden_norm = nn.LayerNorm(2 * width)
        self.truth = nn.Linear(2 * width, len(TRUTHS))

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
