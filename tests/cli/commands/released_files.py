"""Files as BEiT-3 is released in, of a small model with random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.presets import SIZES, beit3_config
from models.public import public_shapes
from tests.models.public.test_tokenizer import trained

ANSWERS = ("yes", "no", "red")


def small_base(patch: pytest.MonkeyPatch) -> None:
    """Let BEiT-3 base be a small model; everything else is as for the real one."""
    patch.setitem(SIZES, "base", (4, 16, 2))


def write_release(folder: Path, task: str = "vqa", **changes: Tensor) -> Path:
    """Write what a download leaves in a folder: weights, beit3.spm and answer2label.txt."""
    ours = "embed" if task == "retrieval" else task
    answers = len(ANSWERS) if task == "vqa" else 0
    config = replace(beit3_config("base", 32), tasks=(ours,), num_answers=answers, vocab_size=100)
    folder.mkdir(exist_ok=True)
    trained(folder / "beit3.spm")
    lines = (json.dumps({"answer": a, "label": i}) for i, a in enumerate(ANSWERS))
    (folder / "answer2label.txt").write_text("\n".join(lines))
    path = folder / f"beit3_base_{task}.pth"
    torch.save({"model": _random(config) | changes}, path)
    return path


def _random(config: ModelConfig) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = public_shapes(config)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
