"""A tiny model for tests, with every parameter random."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.presets import spread_keys
from models.series import OtmvModel

ORDERS, WORDS, BOS, EOS, MASK, PAD = 4, 20, 0, 2, 4, 1


def config(keys: int = 2, orders: int = ORDERS, **changes: Any) -> ModelConfig:
    made = ModelConfig(
        name="tiny",
        image_size=8,
        patch_size=4,
        width=16,
        heads=2,
        ffn_width=24,
        vocab_size=WORDS,
        max_text_positions=12,
        key_of_order=spread_keys(orders, keys),
        merged_feed_forward=True,
        readout="series",
        skip_probability=0.1,
        num_answers=7,
        tasks=("vqa", "caption"),
    )
    return replace(made, **changes)


def model(shape: ModelConfig, seed: int = 0) -> OtmvModel:
    """Return a model in eval mode whose norms, biases and coefficients are random too."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        made = OtmvModel(shape).eval()
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return made


def pixels(batch: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 8, 8, 3), generator=generator, dtype=torch.uint8)


def words(batch: int, length: int, seed: int = 2) -> Tensor:
    """Draw ordinary words; no special tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, WORDS, (batch, length), generator=generator)
