"""The head of questions about a picture."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import VQA
from models.tasks.head import Head


class VqaHead(Head):
    """BEiT-3's VQA head: norm, tanh pooler on token 0, two-layer classifier.

    Released ones read what the encoder gives, without its final norm.

    Args:
        config: shape of the model; `num_answers` classes.
    """

    released: ClassVar = {
        "final_norm": "beit3.encoder.layer_norm.A",
        "pooler_norm": "pooler.norm",
        "pooler": "pooler.dense",
        "hidden": "head.0",
        "hidden_norm": "head.1",
        "answers": "head.3",
    }
    released_task = VQA.name
    has_final_norm = False
    answers_part = "answers"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, eps = config.width, config.layer_norm_eps
        self.final_norm = self.final_norm_of(config, VQA.name)
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
        pooled = self.pooler(self.pooler_norm(self.final_norm(y[:, 0]))).tanh()
        logits: Tensor = self.answers(nn.functional.gelu(self.hidden_norm(self.hidden(pooled))))
        return logits
