"""What a released file computes, we compute: BEiT-3's own models of all four tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from artifact.config import ModelConfig
from artifact.task import EMBED, REASON, VQA
from models.embeddings import embed_images, embed_texts
from models.presets import beit3_config, spread_keys
from models.public import RELEASED_TASKS, from_tensors, read_public, released_config
from models.series import OtmvModel
from tests.models.public.beit3_reference import (
    beit3_model,
    importable,
    next_word_logits,
)
from tests.models.public.test_torchscale import relative_l2
from tests.models.public.torchscale_reference import randomise

SIDES = {"vqa": 480, "caption": 480, "reason": 224, "retrieval": 384}
"""Sides in pixels of the released checkpoints."""

PAD = 1

SMALL: dict[str, Any] = {"key_of_order": spread_keys(2, 2), "num_answers": 31, "vocab_size": 60}


def mask_id(config: ModelConfig) -> int:
    """Return MASK's id: 64,001 of the released 64,010, the last eight of which are unused."""
    return config.vocab_size - 9


@pytest.fixture(autouse=True)
def _as_released() -> Iterator[None]:
    with importable(), torch.inference_mode():
        yield


def imported(reference: Any, preset: ModelConfig, task: str, folder: Path) -> OtmvModel:
    """Save the reference as releases are saved, and import the file."""
    path = folder / "beit3.pth"
    torch.save({"model": reference.state_dict()}, path)
    state = read_public(path)
    path.unlink()  # large ones would fill the disk; what is read stays readable
    return from_tensors(path, state, released_config(path, state, "base", task, preset))


def distances(preset: ModelConfig, task: str, batch: int, folder: Path) -> list[float]:
    """Return relative L2 of our outputs and BEiT-3's, of every output of a task."""
    reference = beit3_model(preset, task)
    randomise(reference, seed=7)
    model = imported(reference, preset, task, folder)
    generator, every = torch.Generator().manual_seed(3), range(preset.orders)
    shape = (2, batch, preset.image_size, preset.image_size, 3)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    pictures = ((pixels.permute(0, 1, 4, 2, 3) / 255.0) - 0.5) / 0.5
    tokens = torch.randint(4, mask_id(preset), (batch, 9), generator=generator)
    mask = torch.arange(9)[None] < torch.tensor([9, 5, 2])[:batch, None]
    tokens = torch.where(mask, tokens, PAD)
    one, padding = pixels[0], (~mask).long()
    if task == "vqa":
        theirs = reference(image=pictures[0], question=tokens, padding_mask=padding)
        return [relative_l2(model.answer(VQA, one, tokens, mask, every), theirs)]
    if task == "reason":
        theirs = reference(*pictures, text_description=tokens, padding_mask=padding)
        return [
            relative_l2(model.answer(REASON, pixels.transpose(0, 1), tokens, mask, every), theirs)
        ]
    if task == "retrieval":
        image, text = reference(pictures[0], tokens, padding, only_infer=True)
        assert torch.equal(model.heads[EMBED].logit_scale, reference.logit_scale)
        return [
            relative_l2(embed_images(model, one, every), image),
            relative_l2(embed_texts(model, tokens, mask, every), text),
        ]
    return _caption_distances(reference, model, one, pictures[0], tokens[:, :2])


def _caption_distances(
    reference: Any, model: OtmvModel, pixels: Tensor, picture: Tensor, words: Tensor
) -> list[float]:
    every, mask = range(model.config.orders), mask_id(model.config)
    cache = model.see(pixels, every)
    found = []
    for position, theirs in enumerate(next_word_logits(reference, picture, words, mask)):
        ours = model.next_word(words[:, position], position, mask, cache, every)
        found.append(relative_l2(ours, theirs))
    return found


@pytest.mark.parametrize("task", RELEASED_TASKS)
def test_two_blocks_of_every_task(task: str, tmp_path: Path) -> None:
    preset = replace(beit3_config("base", 64), **SMALL)
    assert max(distances(preset, task, 3, tmp_path)) <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("task", RELEASED_TASKS)
@pytest.mark.parametrize("size", ["base", "large"])
def test_the_released_sizes(size: str, task: str, tmp_path: Path) -> None:
    """Whole models at the sizes of their pictures; large takes some 10 GiB."""
    found = distances(beit3_config(size, SIDES[task]), task, 1, tmp_path)
    print(f"\n{size} {task} {SIDES[task]} px: " + ", ".join(f"{each:.1e}" for each in found))
    assert max(found) <= 1e-5
