"""The methods' models: what they leave alone, and what they add, written out again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import REASON, VQA
from models.comparators.adapters import AdaptedBlock, Bottleneck, GatedBottleneck
from models.comparators.build import Comparator, build
from models.comparators.methods import METHODS
from models.comparators.slices import merged_keys, sliced
from models.key_block import BlockShape, KeyBlock
from models.series import OtmvModel
from tests.models.comparators.shapes import base

MASK = 4


def asked(config: ModelConfig, rows: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    side = config.image_size
    pixels = torch.randint(0, 256, (rows, side, side, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(5, config.vocab_size, (rows, 6), generator=generator)
    return pixels, tokens, torch.arange(6)[None] < torch.tensor([[6], [3], [4]])[:rows]


def answers(made: Comparator) -> dict[str, Tensor]:
    """Run every task; captions as the second word's logits."""
    model, executed = made.model, made.pattern.executed
    pixels, tokens, mask = asked(model.config)
    cache = model.see(pixels, executed)
    model.next_word(tokens[:, 0], 0, MASK, cache, executed)
    return {
        "vqa": model.answer(VQA, pixels, tokens, mask, executed),
        "reason": model.answer(
            REASON, torch.stack([pixels, pixels.flip(0)], 1), tokens, mask, executed
        ),
        "caption": model.next_word(tokens[:, 1], 1, MASK, cache, executed),
    }


def randomised(config: ModelConfig) -> list[KeyBlock]:
    """Return a base's blocks with every parameter random, norms and coefficients too."""
    torch.manual_seed(3)
    model = OtmvModel(config).eval()
    for parameter in model.parameters():
        parameter.add_(0.2 * torch.randn(parameter.shape))
    return list(model.keys)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_every_task_is_answered_and_differs_from_the_base(method: str) -> None:
    full, made = answers(build("full", base())), answers(build(method, base()))
    for task, logits in made.items():
        assert logits.shape == full[task].shape
        assert logits.isfinite().all()
        assert torch.equal(logits, full[task]) == (method == "full")


@pytest.mark.parametrize("method", METHODS)
def test_masked_decoding_is_teacher_forcing(method: str) -> None:
    made = build(method, base())
    model, executed = made.model, made.pattern.executed
    pixels, words, _ = asked(model.config)
    cache = model.see(pixels, executed)
    steps = [model.next_word(words[:, t], t, MASK, cache, executed) for t in range(4)]
    together = model.caption_logits(pixels, words[:, :4], MASK, executed)
    torch.testing.assert_close(torch.stack(steps, 1), together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_weights_come_from_the_seed_alone(method: str) -> None:
    torch.manual_seed(1)
    first = build(method, base(), seed=7)
    untouched = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), untouched)
    again, other = build(method, base(), seed=7), build(method, base(), seed=8)
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    assert not torch.equal(first.model.stem.words.weight, other.model.stem.words.weight)


@pytest.mark.parametrize("method", ["petadapter", "vladapter", "vlpet", "efficientvlm", "literal"])
def test_what_a_method_leaves_alone_is_the_base_s(method: str) -> None:
    full = build("full", base()).model.state_dict()
    made = build(method, base()).model.state_dict()
    same = {name for name, t in made.items() if name in full and torch.equal(t, full[name])}
    assert {name for name in made if not name.startswith("keys.")} <= same
    assert "keys.0.qkv.0.weight" in same
    if method != "literal":
        assert set(full) <= same


def test_lora_merged_is_lora_beside_the_weights() -> None:
    merged, beside = build("lora", base()), build("loraunmerged", base())
    for task, logits in answers(merged).items():
        torch.testing.assert_close(logits, answers(beside)[task], rtol=1e-4, atol=1e-5)
    names = set(build("full", base()).model.state_dict())
    assert set(merged.model.state_dict()) == names
    key = merged.model.keys[0].qkv[0].weight.view(3, 32, 32)
    before = build("full", base()).model.keys[0].qkv[0].weight.view(3, 32, 32)
    assert [bool(torch.equal(a, b)) for a, b in zip(key, before, strict=True)] == [0, 1, 0]


@pytest.mark.parametrize("method", ["petadapter", "vladapter"])
def test_a_bottleneck_that_gives_nothing_changes_nothing(method: str) -> None:
    made = build(method, base())
    for module in made.model.modules():
        if isinstance(module, Bottleneck):
            module.up.weight.zero_()
    full = answers(build("full", base()))
    for task, logits in answers(made).items():
        assert torch.equal(logits, full[task])


def test_each_modality_of_each_sub_layer_has_its_own_adapter() -> None:
    made = build("petadapter", base())
    block = made.model.keys[0]
    assert isinstance(block, AdaptedBlock)
    adapters = [*block.attention_adapters, *block.ffn_adapters]
    assert {adapter.down.weight.shape for adapter in adapters} == {(64, 32)}
    assert len({adapter.down.weight.sum().item() for adapter in adapters}) == 4
    assert build("vladapter", base()).model.keys[0].ffn_adapters[0].down.weight.shape == (4, 32)


def test_vlpet_is_four_heads_down_one_up_times_a_gate_of_the_stream() -> None:
    module, x, h = GatedBottleneck(32, 96, 4), torch.randn(2, 5, 32), torch.randn(2, 5, 32)
    for parameter in module.parameters():
        parameter.copy_(torch.randn(parameter.shape))
    down, up = module.bottleneck.down, module.bottleneck.up
    heads = [x @ w.T + b for w, b in zip(down.weight.chunk(4), down.bias.chunk(4), strict=True)]
    adapted = x + nn.functional.gelu(torch.cat(heads, -1)) @ up.weight.T + up.bias
    low = nn.functional.gelu(h @ module.gate_down.weight.T + module.gate_down.bias)
    gate = torch.sigmoid(low @ module.gate_up.weight.T + module.gate_up.bias)
    torch.testing.assert_close(module(x, h), adapted * gate, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="5 heads do not divide"):
        GatedBottleneck(32, 96, 5)


def test_a_slice_is_the_first_heads_entries_and_neurons() -> None:
    config = base()
    block = randomised(config)[0]
    small = sliced(block, config, BlockShape(heads=3, head_width=5, ffn_width=20))
    h = torch.randn(2, 9, 32)
    for ours, theirs in zip(small.project(h, 0, 5), block.project(h, 0, 5), strict=True):
        torch.testing.assert_close(ours, theirs[:, :3, :, :5], rtol=1e-5, atol=1e-5)
    for modality in (0, 1):
        wide = block.out[modality].weight.view(32, 4, 8)[:, :3, :5]
        assert torch.equal(small.out[modality].weight, wide.reshape(32, 15))
        assert torch.equal(small.fc1[modality].weight, block.fc1[modality].weight[:20])
        assert torch.equal(small.fc2[modality].weight, block.fc2[modality].weight[:, :20])
        scale = block.inner_attention_norm.scale[0, modality].view(4, 8)[:3, :5]
        assert torch.equal(small.inner_attention_norm.scale[0, modality], scale.flatten())
        shift = block.inner_ffn_norm.shift[0, modality, :20]
        assert torch.equal(small.inner_ffn_norm.shift[0, modality], shift)
    assert torch.equal(small.coefficient, block.coefficient)
    assert sliced(block, config, block.shape) is block


def test_a_key_has_its_first_block_s_matrices_and_each_block_s_norms() -> None:
    blocks = randomised(base())
    config = base(key_of_order=(0, 0, 1, 1), merged_feed_forward=True, readout="series")
    keys = list(merged_keys(blocks, config))
    assert len(keys) == 2
    for key, run in zip(keys, (blocks[:2], blocks[2:]), strict=True):
        assert torch.equal(key.qkv[1].weight, run[0].qkv[1].weight)
        assert torch.equal(key.out[0].bias, run[0].out[0].bias)
        mean = (run[0].fc1[0].weight + run[0].fc1[1].weight) / 2
        torch.testing.assert_close(key.fc1[0].weight, mean)
        for order, block in enumerate(run):
            assert torch.equal(key.ffn_norm.scale[order], block.ffn_norm.scale[0])
            assert torch.equal(key.coefficient[order], block.coefficient[0])


def test_what_cannot_be_built_says_so() -> None:
    with pytest.raises(ValueError, match="no method 'prefix'; there are full, petadapter"):
        build("prefix", base())
    with pytest.raises(ValueError, match="shares nothing"):
        build("full", base(key_of_order=(0, 0, 0, 0)))
