"""Files that look like released checkpoints of tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from artifact.config import ModelConfig
from models.public import public_shapes
from tests.models import tiny


def released(**changes: Any) -> ModelConfig:
    """Return the shape of a checkpoint: nothing shared."""
    plain = {"keys": 4, "merged_feed_forward": False, "readout": "last", "tasks": ("vqa",)}
    return tiny.config(**(plain | changes))


def weights(config: ModelConfig) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = public_shapes(config)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    save_file(state, path)
    return path


def block(layer: int, name: str) -> str:
    return f"beit3.encoder.layers.{layer}.{name}"
