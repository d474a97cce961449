"""What each method's setting comes to, on the released sizes; on the meta device, so for free."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from artifact.config import ModelConfig
from artifact.task import VQA
from exporters.accounting import parameters
from exporters.tasks.one_pass import request_flops
from models.comparators.build import Comparator, build
from models.comparators.methods import METHODS
from models.comparators.settings import executed, series_config, shapes, student
from models.key_block import BlockShape
from models.presets import beit3_config, paper60_config
from tests.models.comparators.shapes import base as small

TEXT_TOKENS = 64

IDEAL = {  # in Table 4's order: FLOPs of full fine-tuning over the method's (ADR 0022)
    "full": 1.0,
    "petadapter": 0.98,
    "lora": 1.0,
    "loraunmerged": 0.965,
    "vladapter": 0.965,
    "vlpet": 0.95,
    "onceforall": 1.26,
    "matformer": 1.14,
    "flextron": 1.25,
    "efficientvlm": 1.5,
    "distillvlm": 1.16,
    "upop": 1.21,
    "otmv": 24 / 14,
    "literal": 1.0,
}


def on_meta(method: str, size: str) -> Comparator:
    config = replace(beit3_config(size), tasks=("vqa",))
    with torch.device("meta"):
        return build(method, config)


def ideal(method: str, size: str) -> float:
    full, made = on_meta("full", size), on_meta(method, size)
    ours = request_flops(VQA, made.model, made.pattern, TEXT_TOKENS)
    return request_flops(VQA, full.model, full.pattern, TEXT_TOKENS) / ours


def test_the_table_is_in_the_paper_s_order() -> None:
    assert list(METHODS) == list(IDEAL)
    for method in METHODS.values():
        assert method.title
        assert "\n" not in method.setting
    solved = {method.id for method in METHODS.values() if method.setting.startswith("back-solved:")}
    assert solved == {"onceforall", "matformer", "flextron", "efficientvlm", "distillvlm", "upop"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", ["base", "large"])
def test_ideal_ratios_are_those_of_table_4(method: str, size: str) -> None:
    near = 0.02 if size == "large" else 0.03  # solved for Large; heads and layers are whole
    assert ideal(method, size) == pytest.approx(IDEAL[method], abs=near)


def test_otmv_is_paper60_with_every_key_used() -> None:
    made = on_meta("otmv", "large")
    config = paper60_config()
    assert made.model.config.key_of_order == config.key_of_order
    assert made.pattern.depth == 14
    used = {config.key_of_order[order] for order in made.pattern.executed}
    assert used == set(range(12))
    full = on_meta("full", "large")
    ours, theirs = (parameters(m.model, m.pattern)[0] for m in (made, full))
    assert 1 - ours / theirs == pytest.approx(0.59, abs=0.002)


def test_depths_on_base() -> None:
    config = beit3_config("base")
    assert executed("otmv", config).executed == (0, 1, 2, 4, 6, 8, 10)
    assert executed("efficientvlm", config).executed == (0, 1, 3, 4, 6, 7, 9, 10)
    assert executed("onceforall", config).executed == tuple(range(10))
    assert executed("upop", config).depth == executed("literal", config).depth == 12


def test_once_for_all_slices_only_where_depth_alone_does_not_meet_its_ratio() -> None:
    large, base = (shapes("onceforall", beit3_config(size))[0] for size in ("large", "base"))
    assert large == BlockShape.of(beit3_config("large"))
    assert base.heads == 12
    assert base.ffn_width < 3072


def test_pruned_layers_differ_and_fit_in_the_base() -> None:
    for config in (beit3_config("base"), beit3_config("large"), small(3), small(4)):
        own, found = BlockShape.of(config), shapes("upop", config)
        assert len(set(found)) > 1
        assert all(s.head_width <= own.head_width for s in found)
        assert all(0 < s.ffn_width <= own.ffn_width for s in found)


@pytest.mark.parametrize("size", ["base", "large"])
def test_the_student_keeps_the_heads_width(size: str) -> None:
    config: ModelConfig = student(beit3_config(size))
    assert config.head_width == 64
    assert config.width < beit3_config(size).width


def test_orders_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="2 keys do not divide 5 orders"):
        series_config("otmv", small(5))
