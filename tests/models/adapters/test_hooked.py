"""Adapters in the model: captions, orders by row, and row 0."""

from __future__ import annotations

import pytest
import torch

from artifact.task import VQA
from models.adapters.forms import FORMS, make_form
from models.adapters.hooked import attach
from models.adapters.tunable import AdapterModule
from models.captions import SpecialTokens
from models.key_block import key_mask_bias
from models.series import OtmvModel
from tests.models import tiny

SMALL = {"prefix": {"rows": 3, "inner": 5}, "prompt": {"rows": 3}, "mam": {"rows": 2, "inner": 5}}
EXECUTED = (0, 2, 3)


def adapted(kind: str, **settings: object) -> tuple[OtmvModel, AdapterModule]:
    """Return a model with a random adapter attached."""
    model = tiny.model(tiny.config())
    torch.manual_seed(11)
    module = make_form(kind, {**SMALL.get(kind, {}), **settings}).module(model).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape))
    attach(model, module)
    return model, module


@pytest.mark.parametrize("kind", FORMS)
@torch.inference_mode()
def test_teacher_forcing_equals_cached_decoding(kind: str) -> None:
    model, _ = adapted(kind)
    pixels, words = tiny.pixels(2), tiny.words(2, 5)
    forced = model.caption_logits(pixels, words, tiny.MASK, EXECUTED)
    cache = model.see(pixels, EXECUTED)
    for position in range(words.shape[1]):
        logits = model.next_word(words[:, position], position, tiny.MASK, cache, EXECUTED)
        torch.testing.assert_close(logits, forced[:, position], rtol=1e-4, atol=1e-5)
    written = model.generate(
        pixels, SpecialTokens(tiny.BOS, tiny.EOS, tiny.MASK), EXECUTED, max_new_tokens=4
    )
    assert written.shape[0] == 2


@pytest.mark.parametrize("kind", FORMS)
@torch.inference_mode()
def test_rows_of_different_orders_look_up_their_own_tables(kind: str) -> None:
    model, _ = adapted(kind)
    key, tokens = model.keys[1], model.config.image_tokens + 5
    h = torch.randn(3, tokens, model.config.width, generator=torch.Generator().manual_seed(3))
    real = torch.arange(tokens)[None] < torch.tensor([[tokens], [tokens - 1], [tokens - 3]])
    bias = key_mask_bias(real, h.dtype)
    orders = [1, 0, 1]
    together = key(h, torch.tensor(orders), model.config.image_tokens, bias)
    for row, order in enumerate(orders):
        some = slice(row, row + 1)
        alone = key(h[some], order, model.config.image_tokens, bias[some])
        assert float((together[some] - alone).norm() / alone.norm()) < 1e-6


@torch.inference_mode()
def test_tables_shared_by_a_key_are_the_same_for_its_orders() -> None:
    _, module = adapted("lora", share="key")
    tables = dict(module.tables())
    up = tables["block.q.text.up"]
    assert torch.equal(up[0], up[1])
    assert torch.equal(up[2], up[3])
    assert not torch.equal(up[1], up[2])
    _, apart = adapted("lora")
    assert module.tuned_parameters() * 2 == apart.tuned_parameters()


def test_dropout_is_for_tuning_only() -> None:
    model, module = adapted("adalink", dropout=0.5)
    pixels, tokens = tiny.pixels(2), tiny.words(2, 5)
    with torch.inference_mode():
        plain = model.answer(VQA, pixels, tokens, None, EXECUTED)
        module.train()
        dropped = model.answer(VQA, pixels, tokens, None, EXECUTED)
        module.eval()
        torch.testing.assert_close(plain, model.answer(VQA, pixels, tokens, None, EXECUTED))
    assert not torch.allclose(plain, dropped)


def test_gradients_reach_tables_of_executed_orders_only() -> None:
    with torch.inference_mode(False):
        model, module = adapted("lora")
        model.requires_grad_(False)
        pixels, tokens = tiny.pixels(2), tiny.words(2, 5)
        model.answer(VQA, pixels, tokens, None, EXECUTED).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        moved = [bool(each.any()) for each in parameter.grad]
        last = "q_text" not in name  # nothing reads the text behind the last order
        assert moved == [True, False, True, last], name
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("lore", {}, "there is no form 'lore'; there are prompt"),
        ("lora", {"ranks": 3}, "lora has no 'ranks'"),
        ("lora", {"rank": "3"}, "lora.rank must be like 16, not '3'"),
        ("lora", {"rank": True}, "lora.rank must be like 16"),
        ("lora", {"rank": 0}, "rank must be a positive number, not 0"),
        ("lora", {"rank_pattern": {"k": 4}}, "names 'k', which is at none of"),
        ("lora", {"hooks": ["fc1"], "per_head": True}, "per_head goes with q, k and v"),
        ("lora", {"dropout": 1.0}, "dropout must be in"),
        ("lora", {"share": "block"}, "share is order or key"),
        ("lora", {"share": "key", "rank_pattern": {"1.q": 2}}, "contradicts tables shared"),
        ("vl_pet", {"width": 10}, "4 heads do not divide a bottleneck of 10"),
        ("adalink", {"modalities": ["sound"]}, "modalities are some of image, text"),
        ("prompt", {"begin": "zero"}, "begin is uniform or words"),
        ("prefix", {"share": "key"}, "share contradicts it"),
        ("scaled_parallel", {"hooks": ["q"]}, "attention_beside and ffn_beside"),
    ],
)
def test_settings_that_make_no_method(kind: str, settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_form(kind, settings)


def test_a_linear_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="LoRA has no linear 'head'"):
        make_form("lora", {"hooks": ["head"]}).sites(tiny.config())


def test_prompts_may_begin_as_words() -> None:
    model = tiny.model(tiny.config())
    module = make_form("prompt", {"rows": 4, "begin": "words"}).module(model)
    (rows,) = module.parameters()
    words = model.stem.words.weight
    assert all(bool((words == row).all(1).any()) for row in rows)
