"""BEiT-3's own models (package `beit3-gml`, over torchscale), random, and what they answer."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from artifact.config import ModelConfig


@contextmanager
def importable() -> Iterator[None]:
    """Let BEiT-3's code be imported without timm, of which it needs four functions.

    Only the initialisation is called; tests replace what it draws.
    """
    stubs: dict[str, dict[str, Any]] = {
        "timm": {},
        "timm.models": {},
        "timm.utils": {"get_state_dict": None},
        "timm.models.layers": {"drop_path": None, "trunc_normal_": lambda tensor, **_: tensor},
        "timm.models.registry": {"register_model": lambda made: made},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, attributes in stubs.items():
            module = types.ModuleType(name)
            vars(module).update(attributes)
            patch.setitem(sys.modules, name, module)
        yield


def beit3_model(config: ModelConfig, task: str) -> Any:
    """Return BEiT-3's fine-tuning model of a task, in eval mode: its own classes and forward."""
    from beit3 import modeling_finetune
    from torchscale.architecture.config import EncoderConfig

    args = EncoderConfig(
        img_size=config.image_size,
        patch_size=config.patch_size,
        vocab_size=config.vocab_size,
        multiway=True,
        layernorm_embedding=False,
        normalize_output=task != "vqa",
        no_output_layer=True,
        encoder_embed_dim=config.width,
        encoder_attention_heads=config.heads,
        encoder_ffn_embed_dim=config.ffn_width,
        encoder_layers=config.orders,
        max_source_positions=config.max_text_positions + 2,
    )
    made: nn.Module = {
        "vqa": lambda: modeling_finetune.BEiT3ForVisualQuestionAnswering(args, config.num_answers),
        "caption": lambda: modeling_finetune.BEiT3ForCaptioning(args),
        "reason": lambda: modeling_finetune.BEiT3ForVisualReasoning(args, 2),
        "retrieval": lambda: modeling_finetune.BEiT3ForRetrieval(args),
    }[task]()
    return made.eval()


def next_word_logits(reference: Any, picture: Tensor, words: Tensor, mask_id: int) -> list[Tensor]:
    """Return BEiT-3's logits of each next word: the words so far, then MASK, seen causally."""
    found = []
    for length in range(1, words.shape[1] + 1):
        text = torch.cat([words[:, :length], torch.full_like(words[:, :1], mask_id)], dim=1)
        masked = torch.zeros_like(text)
        masked[:, -1] = 1
        logits, _ = reference(
            image=picture,
            text_ids=text,
            padding_mask=torch.zeros_like(text),
            language_masked_pos=masked,
        )
        found.append(logits)
    return found
