from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.program import (
    caption_programs,
    key_of_stage,
    vqa_program,
    whole_programs,
)
from tests.engine.tiny_model import tiny_config


def test_derived_sizes() -> None:
    config = tiny_config((0, 0, 0, 1))
    assert (config.orders, config.keys, config.image_tokens, config.head_width) == (4, 2, 5, 2)
    assert config.orders_of_key(0) == (0, 1, 2)
    assert [config.order_in_key(k) for k in range(4)] == [0, 1, 2, 0]


@pytest.mark.parametrize("keys", [(1, 1), (0, 2), (0, 1, 0), ()])
def test_key_of_order_must_rise_by_one(keys: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        tiny_config(keys)


def test_unknown_fields_are_refused() -> None:
    fields = tiny_config().model_dump() | {"colour": "red"}
    with pytest.raises(ValidationError, match="colour"):
        ModelConfig.model_validate(fields)


@given(st.sets(st.integers(1, 11)), st.integers(1, 12))
def test_pattern_round_trip_and_prefixes(others: set[int], depth: int) -> None:
    pattern = SkipPattern((0, *sorted(others)), 12)
    assert SkipPattern.from_bits(pattern.bits) == pattern
    assert sorted(pattern.executed + pattern.closed) == list(range(12))
    if depth <= pattern.depth:
        short = pattern.prefix(depth)
        assert short.is_prefix_of(pattern)
        assert pattern.is_prefix_of(short) == (depth == pattern.depth)
    else:
        with pytest.raises(ValueError, match="prefix depth"):
            pattern.prefix(depth)


@pytest.mark.parametrize(
    ("executed", "orders"), [((), 3), ((1, 2), 3), ((0, 2, 1), 3), ((0, 0), 3), ((0, 3), 3)]
)
def test_impossible_patterns(executed: tuple[int, ...], orders: int) -> None:
    with pytest.raises(ValueError, match="order"):
        SkipPattern(executed, orders)


def test_variant_names() -> None:
    assert SkipPattern.full(4).variant_id(on_ladder=True) == "full"
    assert SkipPattern((0, 2), 4).variant_id(on_ladder=True) == "d2"
    assert SkipPattern((0, 2), 4).variant_id(on_ladder=False) == "p1010"


def test_programs_gather_the_order_within_its_key() -> None:
    config, pattern = tiny_config(), SkipPattern((0, 1, 3), 4)
    program = vqa_program(config, pattern)
    assert [step.stage for step in program.steps] == [
        "stem[vqa]",
        "block[0]",
        "block[0]",
        "block[1]",
        "head[vqa]",
    ]
    assert [step.order_in_key for step in program.steps[1:-1]] == [0, 1, 1]
    assert program.blocks == 3
    image, decode = caption_programs(config, pattern)
    assert image.stages == ("stem[caption]", "block_image[0]", "block_image[1]")
    assert decode.stages == ("stem[decode]", "block_decode[0]", "block_decode[1]", "head[caption]")


def test_a_whole_variant_is_one_step_and_a_caption_two() -> None:
    (asked,), (judged,) = whole_programs("vqa", "d3"), whole_programs("reason", "d3")
    assert (asked.stages, judged.stages) == (("whole[vqa:d3]",), ("whole[reason:d3]",))
    image, decode = whole_programs("caption", "d3")
    assert image.stages == ("whole_image[caption:d3]",)
    assert decode.stages == ("whole_decode[caption:d3]",)


def test_key_of_stage() -> None:
    names = [
        "block[3]",
        "block_decode[11]",
        "stem[vqa]",
        "whole[vqa:d3]",
        "whole_image[caption:d3]",
    ]
    assert [key_of_stage(name) for name in names] == [3, 11, None, None, None]
