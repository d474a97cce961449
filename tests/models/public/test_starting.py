"""Released files as starts of tuning: pretrained ones bring the encoder, fine-tuned ones all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.public import MissingWeights, from_tensors, start_from_release
from tests.models.public.checkpoint_files import released, saved, weights


def test_a_fine_tuned_file_is_itself(tmp_path: Path) -> None:
    state = weights(released())
    file = saved(tmp_path / "vqa.safetensors", state)
    found = start_from_release(file, "base", released()).state_dict()
    wanted = from_tensors(file, state, released()).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    assert found.keys() == wanted.keys()


def test_a_pretrained_file_brings_its_encoder(tmp_path: Path) -> None:
    state = weights(released())
    body = {name: tensor for name, tensor in state.items() if name.startswith("beit3.encoder.")}
    body |= {
        name: t for name, t in state.items() if name.startswith(("beit3.text", "beit3.vision"))
    }
    pretraining = {
        "pretraining_head.weight": torch.zeros(2),
        "beit3.vision_embed.mask_token": torch.zeros(2),
    }
    file = saved(tmp_path / "pretrained.safetensors", body | pretraining)
    found = start_from_release(file, "base", released()).state_dict()
    wanted = from_tensors(file, state, released()).state_dict()
    for name, tensor in wanted.items():
        assert name.startswith("heads.") or torch.equal(found[name], tensor), name


def test_a_file_that_lacks_a_block_names_what_is_missing(tmp_path: Path) -> None:
    state = weights(released())
    del state["beit3.encoder.layers.1.self_attn.q_proj.A.weight"]
    state = {name: tensor for name, tensor in state.items() if name.startswith("beit3.")}
    file = saved(tmp_path / "broken.safetensors", state)
    with pytest.raises(MissingWeights, match=r"layers\.1\.self_attn\.q_proj\.A\.weight"):
        start_from_release(file, "base", released())
