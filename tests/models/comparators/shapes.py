"""Small bases for the methods of Table 4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from artifact.config import ModelConfig


def base(orders: int = 4, **changes: Any) -> ModelConfig:
    """Return a model that shares nothing: width 32, 4 heads, pictures of 5 tokens."""
    made = ModelConfig(
        name="base",
        image_size=8,
        patch_size=4,
        width=32,
        heads=4,
        ffn_width=128,
        vocab_size=40,
        max_text_positions=36,
        key_of_order=tuple(range(orders)),
        merged_feed_forward=False,
        readout="last",
        skip_probability=0.1,
        num_answers=7,
        tasks=("vqa", "caption", "reason"),
    )
    return replace(made, **changes)
