"""With readout "last", one key an order and nothing merged, we are torchscale's BEiT-3."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import REASON, VQA
from models.key_block import key_mask_bias
from models.presets import beit3_config, spread_keys
from models.public import from_public
from models.series import OtmvModel
from tests.models.public.torchscale_reference import (
    MASK_ID,
    Reference,
    randomise,
    reference_decoding,
)

PAD_ID = 1
WIDTHS = ("base", "large")

pytestmark = pytest.mark.usefixtures("torchscale", "inference")


@pytest.fixture(scope="module")
def torchscale() -> Iterator[None]:
    """Let torchscale be imported without timm, of which it needs one function, and not here."""
    layers = types.ModuleType("timm.models.layers")
    layers.drop_path = None  # type: ignore[attr-defined]
    stubs = {
        "timm": types.ModuleType("timm"),
        "timm.models": types.ModuleType("timm.models"),
        "timm.models.layers": layers,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stubs.items():
            patch.setitem(sys.modules, name, module)
        yield


@pytest.fixture
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def small(size: str, orders: int = 2, **changes: Any) -> ModelConfig:
    """Return BEiT-3 at full width with few orders, words, answers and patches."""
    few = {
        "key_of_order": spread_keys(orders, orders),
        "image_size": 64,
        "vocab_size": 50,
        "num_answers": 13,
        "max_text_positions": 40,
    }
    return replace(beit3_config(size), **(few | changes))


def pair(config: ModelConfig, task: str, tmp_path: Path) -> tuple[Reference, OtmvModel]:
    """Return the reference and our model of its state dict, which goes through a file."""
    reference = Reference(config, task).eval()
    randomise(reference, seed=7)
    path = tmp_path / "beit3.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in reference.state_dict().items()}, path)
    return reference, from_public(path, replace(config, tasks=(task,)))


def inputs(config: ModelConfig) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pixels, the reference's normalised picture, tokens and their mask (True: real)."""
    generator = torch.Generator().manual_seed(3)
    side = config.image_size
    pixels = torch.randint(0, 256, (3, side, side, 3), generator=generator, dtype=torch.uint8)
    picture = ((pixels.permute(0, 3, 1, 2) / 255.0) - 0.5) / 0.5
    tokens = torch.randint(5, config.vocab_size, (3, 11), generator=generator)
    mask = torch.arange(11)[None] < torch.tensor([[11], [7], [1]])
    return pixels, picture, torch.where(mask, tokens, PAD_ID), mask


def relative_l2(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def everything(h: Tensor) -> Tensor:
    return h


def check_vqa(config: ModelConfig, tmp_path: Path) -> None:
    reference, model = pair(config, "vqa", tmp_path)
    pixels, picture, tokens, mask = inputs(config)
    executed = range(config.orders)
    theirs = reference.encode(
        textual_tokens=tokens, visual_tokens=picture, text_padding_position=~mask
    )
    pooled = reference.pooler["dense"](reference.pooler["norm"](theirs[:, 0])).tanh()
    logits = model.answer(VQA, pixels, tokens, mask, executed)
    assert relative_l2(logits, reference.head(pooled)) <= 1e-5

    h = torch.cat([model.stem.image(pixels), model.stem.text(tokens)], dim=1)
    real = nn.functional.pad(mask, (config.image_tokens, 0), value=True)
    bias = key_mask_bias(real, h.dtype)
    _, ours = model.chain(h, executed, config.image_tokens, bias, everything)
    assert relative_l2(ours[real], theirs[real]) <= 1e-5
    assert relative_l2(h[real], theirs[real]) > 0.1, "the layers must have done something"


@pytest.mark.parametrize("size", WIDTHS)
def test_image_and_padded_text(size: str, tmp_path: Path) -> None:
    check_vqa(small(size), tmp_path)


@pytest.mark.slow
def test_full_depth(tmp_path: Path) -> None:
    check_vqa(small("base", orders=12, image_size=224), tmp_path)


@pytest.mark.parametrize("size", WIDTHS)
def test_image_only(size: str, tmp_path: Path) -> None:
    config = small(size)
    reference, model = pair(config, "vqa", tmp_path)
    pixels, picture, _, _ = inputs(config)
    h = model.stem.image(pixels)
    _, ours = model.chain(h, range(config.orders), h.shape[1], None, everything)
    assert relative_l2(ours, reference.encode(visual_tokens=picture)) <= 1e-5
    cached_h, _, _ = model.key_of(0)[0].image_pass(h, 0)
    assert relative_l2(cached_h, model.key_of(0)[0](h, 0, h.shape[1], None)) <= 1e-6


@pytest.mark.parametrize("size", WIDTHS)
def test_text_only(size: str, tmp_path: Path) -> None:
    config = small(size)
    reference, model = pair(config, "vqa", tmp_path)
    _, _, tokens, mask = inputs(config)
    theirs = reference.encode(textual_tokens=tokens, text_padding_position=~mask)
    h = model.stem.text(tokens)
    bias = key_mask_bias(mask, h.dtype)
    _, ours = model.chain(h, range(config.orders), 0, bias, everything)
    assert relative_l2(ours[mask], theirs[mask]) <= 1e-5


@pytest.mark.parametrize("size", WIDTHS)
def test_statements(size: str, tmp_path: Path) -> None:
    """As BEiT-3 does: all left pictures, then all right ones, with the text twice."""
    config = small(size)
    reference, model = pair(config, "reason", tmp_path)
    pixels, picture, tokens, mask = inputs(config)
    right = torch.arange(3).roll(1)
    theirs = reference.encode(
        textual_tokens=torch.cat([tokens, tokens]),
        visual_tokens=torch.cat([picture, picture[right]]),
        text_padding_position=~torch.cat([mask, mask]),
    )
    first = torch.cat([theirs[:, 0], theirs[:, config.image_tokens]], dim=-1)
    expected = reference.head(torch.cat(first.chunk(2), dim=-1))
    both = torch.stack([pixels, pixels[right]], dim=1)
    logits = model.answer(REASON, both, tokens, mask, range(config.orders))
    assert relative_l2(logits, expected) <= 1e-5


@pytest.mark.parametrize("size", WIDTHS)
def test_masked_caption_decoding(size: str, tmp_path: Path) -> None:
    config = small(size)
    reference, model = pair(config, "caption", tmp_path)
    pixels, picture, words, _ = inputs(config)
    words = words[:, :5]
    executed = range(config.orders)
    expected = reference_decoding(reference, config, picture, words)
    together = model.caption_logits(pixels, words, MASK_ID, executed)
    cache = model.see(pixels, executed)
    for position, theirs in enumerate(expected):
        ours = model.next_word(words[:, position], position, MASK_ID, cache, executed)
        assert relative_l2(ours, theirs) <= 1e-5
        assert relative_l2(together[:, position], theirs) <= 1e-5
