"""Public weights in: which tensor goes where, and what is refused. Equality: test_torchscale.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from artifact.config import ModelConfig
from artifact.task import TaskName
from models.merge import mean_block, weighted
from models.public import (
    MissingWeights,
    PublicWeightsError,
    ShapeMismatch,
    UnexpectedWeights,
    UnreadableWeights,
    from_public,
    public_shapes,
)
from tests.models import tiny

VQA: tuple[TaskName, ...] = ("vqa",)


def released(**changes: Any) -> ModelConfig:
    """Return the shape of a checkpoint: nothing shared."""
    plain = {"keys": 4, "merged_feed_forward": False, "readout": "last", "tasks": VQA}
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


@pytest.fixture
def state() -> dict[str, Tensor]:
    return weights(released())


@pytest.fixture
def file(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    return saved(tmp_path / "beit3.safetensors", state)


class TestConversion:
    def test_fewer_keys_take_the_first_block_of_their_run(
        self, file: Path, state: dict[str, Tensor]
    ) -> None:
        model = from_public(file, released(keys=2))
        for key, first in ((0, 0), (1, 2)):
            out = model.keys[key].out[1].weight
            assert torch.equal(out, state[block(first, "self_attn.out_proj.B.weight")])
            fc1 = model.keys[key].fc1[0].bias
            assert torch.equal(fc1, state[block(first, "ffn.A.fc1.bias")])
            projections = [
                state[block(first, f"self_attn.{p}_proj.A.weight")] for p in ("q", "k", "v")
            ]
            assert torch.equal(model.keys[key].qkv[0].weight, torch.cat(projections))

    def test_every_order_keeps_its_own_norms(self, file: Path, state: dict[str, Tensor]) -> None:
        model = from_public(file, released(keys=1))
        key = model.keys[0]
        for order in range(4):
            for index, m in enumerate("AB"):
                inner = state[block(order, f"ffn.{m}.ffn_layernorm.weight")]
                assert torch.equal(key.inner_ffn_norm.scale[order, index], inner)
                before = state[block(order, f"final_layer_norm.{m}.bias")]
                assert torch.equal(key.ffn_norm.shift[order, index], before)
        assert torch.equal(key.coefficient, torch.ones(4))

    def test_the_feed_forward_is_merged_by_the_mean(
        self, file: Path, state: dict[str, Tensor]
    ) -> None:
        model = from_public(file, released(keys=2, merged_feed_forward=True))
        a, b = (state[block(2, f"ffn.{m}.fc2.weight")] for m in "AB")
        torch.testing.assert_close(model.keys[1].fc2[0].weight, (a + b) / 2)
        assert len(model.keys[1].fc2) == 1

    def test_other_merges_can_be_chosen(self, file: Path, state: dict[str, Tensor]) -> None:
        config = released(keys=2, merged_feed_forward=True)
        model = from_public(file, config, merge=weighted(1.0, 0.0), choose=mean_block)
        a = [state[block(layer, "ffn.A.fc1.weight")] for layer in (2, 3)]
        torch.testing.assert_close(model.keys[1].fc1[0].weight, (a[0] + a[1]) / 2)

    def test_pretraining_leftovers_are_not_read(
        self, tmp_path: Path, state: dict[str, Tensor]
    ) -> None:
        state["beit3.vision_embed.mask_token"] = torch.zeros(1, 1, 16)
        state["beit3.encoder.layer_norm.A.weight"] = torch.ones(16)
        from_public(saved(tmp_path / "more.safetensors", state), released())

    def test_the_head_of_statements(self, tmp_path: Path) -> None:
        state = weights(released(tasks=("reason",)))
        path = saved(tmp_path / "nlvr2.safetensors", state)
        head = from_public(path, released(tasks=("reason",))).heads["reason"]
        for ours, public in (
            (head.final_norm_image, "beit3.encoder.layer_norm.A"),
            (head.final_norm_text, "beit3.encoder.layer_norm.B"),
            (head.pair_norm, "head.norm1"),
            (head.hidden, "head.dense1"),
            (head.hidden_norm, "head.norm2"),
            (head.truth, "head.dense2"),
        ):
            assert torch.equal(ours.weight, state[f"{public}.weight"])
            assert torch.equal(ours.bias, state[f"{public}.bias"])
        assert head.hidden.weight.shape == (32, 64), "from both pictures' image and text tokens"

    def test_pth_and_half_precision(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        path = tmp_path / "beit3.pth"
        torch.save({"model": {name: tensor.half() for name, tensor in state.items()}}, path)
        model = from_public(path, released())
        words = model.stem.words.weight
        assert words.dtype == torch.float32
        assert torch.equal(words, state["beit3.text_embed.weight"].half().float())
        assert not model.training
        assert all(parameter.requires_grad for parameter in model.parameters())

    def test_the_model_answers_and_can_be_tuned(self, file: Path) -> None:
        config = released(keys=2, merged_feed_forward=True, readout="series")
        model = from_public(file, config)
        tokens = tiny.words(2, 5)
        logits = model.vqa(tiny.pixels(2), tokens, torch.ones_like(tokens).bool(), (0, 1, 3))
        assert bool(logits.isfinite().all())


class TestRefusal:
    def test_missing_names(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        gone = block(3, "self_attn.k_proj.B.bias")
        del state[gone]
        with pytest.raises(MissingWeights, match=gone) as caught:
            from_public(saved(tmp_path / "less.safetensors", state), released())
        assert caught.value.names == (gone,)

    def test_a_task_the_checkpoint_has_no_head_for(self, file: Path) -> None:
        with pytest.raises(MissingWeights, match=r"mlm_head\.weight"):
            from_public(file, released(tasks=("caption",)))

    def test_too_many_orders_are_named_in_short(self, file: Path) -> None:
        with pytest.raises(MissingWeights, match=r"layers\.4\..* and \d+ more") as caught:
            from_public(file, released(keys=6, orders=6))
        assert len(str(caught.value)) < 500

    def test_too_few_orders(self, file: Path) -> None:
        with pytest.raises(UnexpectedWeights, match=r"layers\.3\."):
            from_public(file, released(keys=3, orders=3))

    def test_another_shape(self, file: Path) -> None:
        name = "beit3.encoder.embed_positions.A.weight"
        with pytest.raises(
            ShapeMismatch, match=r"\[7, 16\], the config wants \[19, 16\]"
        ) as caught:
            from_public(file, released(image_size=16))
        assert (caught.value.name, caught.value.found) == (name, (7, 16))

    @pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ""])
    def test_a_file_of_something_else(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"weights{suffix}"
        path.write_bytes(b"not weights at all")
        with pytest.raises(UnreadableWeights) as caught:
            from_public(path, released())
        assert "\n" not in str(caught.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(PublicWeightsError, match="no such file"):
            from_public(tmp_path / "beit3.pth", released())

    def test_pickled_objects_are_not_loaded(self, tmp_path: Path, state: dict[str, Tensor]) -> None:
        path = tmp_path / "beit3.pth"
        torch.save({"model": state, "args": argparse.Namespace(lr=1)}, path)
        with pytest.raises(UnreadableWeights) as caught:
            from_public(path, released())
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("stored", [{"module": {}}, [1], {"model": 3}, {"model": {"a": 1}}])
    def test_no_tensors_under_model(self, tmp_path: Path, stored: object) -> None:
        path = tmp_path / "beit3.pth"
        torch.save(stored, path)
        with pytest.raises(UnreadableWeights, match="model"):
            from_public(path, released())
