"""Small bases for the methods of Table 4."""

from __future__ import annotations

from typing import Any

from artifact.config import ModelConfig
from tests.models import tiny


def base(orders: int = 4, **changes: Any) -> ModelConfig:
    """Return a model that shares nothing: width 32, 4 heads, pictures of 5 tokens."""
    plain = {
        "name": "base",
        "width": 32,
        "heads": 4,
        "ffn_width": 128,
        "vocab_size": 40,
        "max_text_positions": 36,
        "merged_feed_forward": False,
        "readout": "last",
        "tasks": ("vqa", "caption", "reason"),
    }
    return tiny.config(orders, orders, **(plain | changes))
