"""The heads of embeddings: a picture, or a text, as a vector."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import EMBED
from models.tasks.head import Head

_FIRST_TEMPERATURE = 0.07
"""What cosines are divided by when tuning begins, as in BEiT-3."""


class EmbedHead(Head):
    """BEiT-3's retrieval heads: the final norm, a linear without bias, and length 1.

    A picture and a text go through the stack by themselves; the cosine of their vectors says how
    well they fit. `logit_scale` is the logarithm of what tuning multiplies cosines by.

    Args:
        config: shape of the model.
    """

    released: ClassVar = {
        "final_norm_image": "beit3.encoder.layer_norm.A",
        "final_norm_text": "beit3.encoder.layer_norm.B",
        "image": "vision_head",
        "text": "language_head",
        "logit_scale": "logit_scale",
    }
    released_task = "retrieval"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.final_norm_image = self.final_norm_of(config, EMBED)
        self.final_norm_text = self.final_norm_of(config, EMBED)
        self.image = nn.Linear(config.width, config.width, bias=False)
        self.text = nn.Linear(config.width, config.width, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / _FIRST_TEMPERATURE)))

    def forward(self, y: Tensor) -> Tensor:
        """Embed as many pictures as texts.

        Args:
            y: fp32 `[batch, 2, width]`, readout at image token 0 of a picture's own pass, and at
                text token 0 of a text's own pass.

        Returns:
            `[batch, 2, width]`, each vector of length 1.
        """
        return torch.stack([self.embed_image(y[:, 0]), self.embed_text(y[:, 1])], dim=1)

    def embed_image(self, y: Tensor) -> Tensor:
        """Embed pictures: fp32 `[batch, width]` at image token 0 to vectors `[batch, width]`."""
        return nn.functional.normalize(self.image(self.final_norm_image(y)), dim=-1)

    def embed_text(self, y: Tensor) -> Tensor:
        """Embed texts: fp32 `[batch, width]` at text token 0 to vectors `[batch, width]`."""
        return nn.functional.normalize(self.text(self.final_norm_text(y)), dim=-1)
