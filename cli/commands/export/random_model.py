"""Random weights of `otmv export --random`: for measuring cost, not answers."""

from __future__ import annotations

import torch

from artifact.config import ModelConfig
from models.checkpoint import Checkpoint
from models.presets import beit3_config
from models.series import OtmvModel
from tuning.tokens import world_tokenizer


def random_config(name: str, image_size: int, tasks: str, keys: int | None = None) -> ModelConfig:
    """Return the shape of a random model.

    Raises:
        ValueError: there is no such model or task.
    """
    if name not in ("beit3_base", "beit3_large"):
        raise ValueError(f"no random model {name!r}; there are beit3_base and beit3_large")
    config = beit3_config(name.removeprefix("beit3_"), image_size, keys)
    return config.from_fields({**config.to_fields(), "tasks": tasks.split(",")})


def random_checkpoint(config: ModelConfig) -> Checkpoint:
    """Make a checkpoint of random weights: right shapes and costs, meaningless answers."""
    torch.manual_seed(0)
    labels = tuple(f"answer {index}" for index in range(config.num_answers))
    return Checkpoint(OtmvModel(config).eval(), world_tokenizer(), labels, None, {})
