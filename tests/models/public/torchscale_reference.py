"""torchscale's BEiT-3 under the names of the released checkpoints, random, and its decoding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig

MASK_ID = 4


class TwoLayerMLP(nn.Module):
    """The head of released NLVR2 checkpoints."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(4 * width)
        self.dense1 = nn.Linear(4 * width, 2 * width)
        self.norm2 = nn.LayerNorm(2 * width)
        self.dense2 = nn.Linear(2 * width, 2)

    def forward(self, pair: Tensor) -> Tensor:
        found: Tensor = self.dense2(nn.functional.gelu(self.norm2(self.dense1(self.norm1(pair)))))
        return found


class Reference(nn.Module):
    """torchscale's BEiT-3 under the names of the released checkpoints, with their heads."""

    def __init__(self, config: ModelConfig, task: str) -> None:
        super().__init__()
        from torchscale.architecture.config import EncoderConfig
        from torchscale.model.BEiT3 import BEiT3

        width = config.width
        self.beit3 = BEiT3(
            EncoderConfig(
                img_size=config.image_size,
                patch_size=config.patch_size,
                vocab_size=config.vocab_size,
                multiway=True,
                layernorm_embedding=False,
                normalize_output=task != "vqa",
                no_output_layer=True,
                encoder_embed_dim=width,
                encoder_attention_heads=config.heads,
                encoder_ffn_embed_dim=config.ffn_width,
                encoder_layers=config.orders,
                max_source_positions=config.max_text_positions + 2,
            )
        )
        if task == "vqa":
            self.pooler = nn.ModuleDict(
                {"norm": nn.LayerNorm(width), "dense": nn.Linear(width, width)}
            )
            self.head = nn.Sequential(
                nn.Linear(width, 2 * width),
                nn.LayerNorm(2 * width),
                nn.GELU(),
                nn.Linear(2 * width, config.num_answers),
            )
        elif task == "reason":
            self.head = TwoLayerMLP(width)
        else:
            self.mlm_head = nn.Linear(width, config.vocab_size)

    def encode(self, **inputs: Any) -> Tensor:
        encoded: Tensor = self.beit3(**inputs)["encoder_out"]
        return encoded


def randomise(model: nn.Module, seed: int) -> None:
    """Give every parameter, norms and biases too, a random value that keeps h in range."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                center = 1.0 if name.endswith("weight") else 0.0
                parameter.copy_(center + 0.3 * noise)
            else:
                fan_in = parameter[0].numel() if parameter.ndim in (2, 4) else 1
                spread = 1.0 if "embed" in name and parameter.ndim != 4 else 1.3 * fan_in**-0.5
                parameter.copy_(spread * noise)


def reference_decoding(
    reference: Reference, config: ModelConfig, picture: Tensor, words: Tensor
) -> list[Tensor]:
    """Decode as BEiT-3 does: each step feeds [last word, MASK] and then forgets MASK.

    The first step also feeds the picture. Positions start at 2. A mask of ones forbids: the picture
    sees itself, a text token sees the picture and the text up to itself.
    """
    seen: dict[int, dict[str, Tensor]] = {layer: {} for layer in range(config.orders)}
    nv = config.image_tokens
    logits = []
    for position in range(words.shape[1]):
        size = nv + position + 2
        forbidden = torch.ones(size, size, dtype=torch.long).triu(1)
        forbidden[:nv, :nv] = 0
        fed = torch.stack([words[:, position], torch.full_like(words[:, 0], MASK_ID)], dim=1)
        first = position == 0
        h = reference.encode(
            textual_tokens=fed,
            visual_tokens=picture if first else None,
            text_padding_position=torch.zeros_like(fed, dtype=torch.bool) if first else None,
            attn_mask=forbidden if first else forbidden[-2:],
            incremental_state=seen,
            positions=None if first else torch.tensor([[position + 2, position + 3]]),
        )
        logits.append(reference.mlm_head(h[:, -1]))
        for kept in seen.values():
            for name in kept:
                kept[name] = kept[name][:, :, :-1]
    return logits
