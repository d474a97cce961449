"""A tiny random model with the embed task beside questions, and its vectors by torch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from artifact.preprocess import TextCodec
from artifact.store import Artifact
from artifact.task import EMBED, VQA
from exporters.describe import text_record
from exporters.export import ExportOptions, export
from models.checkpoint import Checkpoint
from models.embeddings import embed_images, embed_texts
from models.presets import spread_keys
from models.series import OtmvModel
from tuning.recipe import demo_config
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS, DOMAIN

ORDERS = 4
VARIANTS = ("d1", "d2", "d3", "full")
TEXTS = (
    "a red circle",
    "a small red circle, a large blue square and a small green cross",
    "a large purple triangle and a small orange cross",
)


def random_checkpoint() -> Checkpoint:
    """Return a model whose every parameter is random, norms and coefficients too."""
    torch.manual_seed(11)
    config = demo_config("tiny", keys=2, width=32, heads=2)
    config = replace(
        config, key_of_order=spread_keys(ORDERS, 2), tasks=(VQA.name, EMBED), num_answers=7
    )
    model = OtmvModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return Checkpoint(model, world_tokenizer(), ANSWERS[:7], "0" * 64, {"steps": 0}, DOMAIN)


@cache
def shared_checkpoint() -> Checkpoint:
    """Return the model that every test of a process shares."""
    return random_checkpoint()


@cache
def shared_artifact(base: Path) -> Artifact:
    """Return its export, traced once in a process; `base`: the folder of all temporary ones."""
    return exported(shared_checkpoint(), base / "retrieval-model")


def exported(checkpoint: Checkpoint, folder: Path, whole: bool = False) -> Artifact:
    """Export every depth, unmeasured."""
    options = ExportOptions(whole="all" if whole else "none")
    return export(checkpoint, folder, None, options, lambda what, share: None)


def picture(seed: int) -> NDArray[np.uint8]:
    """Return a random picture of the model's side."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)


@torch.inference_mode()
def by_torch(
    checkpoint: Checkpoint, asked: NDArray[np.uint8] | str, depth: int
) -> NDArray[np.float32]:
    """Return the vector of a picture, or a text, by the model itself."""
    model, executed = checkpoint.model, range(depth)
    if isinstance(asked, str):
        codec = TextCodec(checkpoint.tokenizer, text_record(checkpoint))
        tokens = torch.tensor([codec.encode_question(asked)])
        return embed_texts(model, tokens, None, executed)[0].numpy()
    return embed_images(model, torch.from_numpy(asked)[None], executed)[0].numpy()


def depth_of(variant: str) -> int:
    return VARIANTS.index(variant) + 1
