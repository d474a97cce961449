"""Public weights in: which tensor goes where. Equality: test_torchscale.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from artifact.config import TaskConfig
from artifact.task import VQA
from models.once_tuning.merge import mean_block, weighted
from models.public import UnexpectedWeights, from_public
from tests.models import tiny
from tests.models.public.checkpoint_files import block, released, saved, weights


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
        from_public(saved(tmp_path / "more.safetensors", state), released())

    def test_a_final_norm_that_was_tuned_is_read_or_refused(self, tmp_path: Path) -> None:
        config = released(per_task={"vqa": TaskConfig(final_norm=True)})
        state = weights(config)
        other = {
            f"beit3.encoder.layer_norm.B.{kind}": torch.ones(16) for kind in ("weight", "bias")
        }
        path = saved(tmp_path / "norm.safetensors", state | other)
        head = from_public(path, config).heads["vqa"]
        assert torch.equal(head.final_norm.weight, state["beit3.encoder.layer_norm.A.weight"])
        with pytest.raises(UnexpectedWeights, match=r"layer_norm\.A"):
            from_public(path, released())

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
        logits = model.answer(
            VQA, tiny.pixels(2), tokens, torch.ones_like(tokens).bool(), (0, 1, 3)
        )
        assert bool(logits.isfinite().all())
