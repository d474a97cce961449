from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from artifact.task import TASKS
from exporters.tasks.caption import image_flops, word_flops
from exporters.tasks.one_pass import request_flops
from loadtests.gpu.models.captions import Captioner
from loadtests.gpu.models.methods import (
    BOS,
    MASK,
    PRECISION,
    captured,
    draw,
    flops,
    made,
    relative_l2,
    whole,
)
from loadtests.gpu.suite.rig import Rig
from models.captions import SpecialTokens
from models.comparators.build import build
from models.comparators.methods import METHODS


@pytest.mark.parametrize("method", METHODS)
def test_flops_are_those_of_the_exporters_accounting(method: str, rig: Rig) -> None:
    for work in rig.size.work:
        config = rig.size.config(work)
        model, pattern = made(method, config, rig)
        found = flops(model, pattern, work, draw(work, config, rig))
        plain = build(method, config).model  # its heads are whole: nothing wrapped
        if TASKS[work.task].writes:
            cached = config.image_tokens + work.words
            word = word_flops(plain, pattern, cached)
            wanted = image_flops(plain, pattern, composed=False) + work.words * word
        else:
            wanted = request_flops(TASKS[work.task], plain, pattern, work.text_tokens)
        assert found == pytest.approx(wanted, rel=0.02), work.task


def test_stem_and_blocks_are_bf16_and_heads_fp32(rig: Rig) -> None:
    for work in rig.size.work:
        model, _ = made("otmv", rig.size.config(work), rig)
        body = [*model.stem.parameters(), *model.keys.parameters()]
        assert {p.dtype for p in body} == {PRECISION}
        low = [name for name, p in model.heads.named_parameters() if p.dtype != torch.float32]
        assert all(name.startswith("caption.words") for name in low)
        assert bool(low) == (work.task == "caption")


@pytest.mark.parametrize("task", ["vqa", "reason"])
def test_no_mask_is_a_mask_of_real_tokens(task: str, rig: Rig) -> None:
    work = next(work for work in rig.size.work if work.task == task)
    config = rig.size.config(work)
    model = build("otmv", config).model
    pattern = build("otmv", config).pattern
    inputs = draw(work, config, rig)
    assert inputs.tokens is not None
    real = torch.ones_like(inputs.tokens, dtype=torch.bool)
    masked = model.answer(TASKS[task], inputs.pixels, inputs.tokens, real, pattern.executed)
    torch.testing.assert_close(whole(model, pattern, work, inputs)(), masked)


@pytest.mark.parametrize("method", ["full", "otmv", "upop"])
def test_static_memory_writes_the_captions_that_growing_memory_does(method: str, rig: Rig) -> None:
    work = rig.size.of("caption")
    config = rig.size.config(work)
    built = build(method, config)
    inputs = draw(work, config, rig)
    writer = Captioner(built.model, built.pattern, inputs.pixels, work.words, BOS, MASK)
    none_ends = SpecialTokens(BOS, -1, MASK)
    written = built.model.generate(inputs.pixels, none_ends, built.pattern.executed, work.words)
    for _ in range(2):  # a second picture pass begins anew
        writer.see()
        words = [writer.word().argmax(-1) for _ in range(work.words)]
        assert torch.equal(torch.stack(words, dim=1), written)


def test_a_captured_caption_is_an_image_pass_and_its_words(rig: Rig) -> None:
    work = rig.size.of("caption")
    config = rig.size.config(work)
    model, pattern = made("full", config, rig)
    inputs = draw(work, config, rig)
    launched = captured(model, pattern, work, inputs, rig.device)
    launched.launch()
    first = launched.output().clone()
    launched.launch()
    assert torch.equal(launched.output(), first)
    fewer = captured(model, pattern, replace(work, words=work.words - 1), inputs, rig.device)
    fewer.launch()
    assert relative_l2(fewer.output(), first) > 0
