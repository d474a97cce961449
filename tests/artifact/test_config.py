from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from artifact.config import ModelConfig, TaskConfig
from artifact.manifest import MANIFEST_NAME, Manifest
from artifact.pattern import SkipPattern
from artifact.program import composed_programs, whole_programs
from artifact.stage import StageName
from artifact.task import CAPTION, REASON, VQA
from tests.engine.artifacts.tiny_model import TRIO, tiny_config

DEMO = Path(__file__).parents[2] / "examples" / "demo-artifact"


def test_derived_sizes() -> None:
    config = tiny_config((0, 0, 0, 1))
    assert (config.orders, config.keys, config.image_tokens, config.head_width) == (4, 2, 5, 2)
    assert config.orders_of_key(0) == (0, 1, 2)
    assert [config.order_in_key(k) for k in range(4)] == [0, 1, 2, 0]


@pytest.mark.parametrize("keys", [(1, 1), (0, 2), (0, 1, 0), ()])
def test_key_of_order_must_rise_by_one(keys: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="key_of_order"):
        tiny_config(keys)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"width": 0},
        {"width": 6, "heads": 4},
        {"image_size": 5},
        {"skip_probability": 1.0},
        {"skip_probability": float("nan")},
        {"layer_norm_eps": 0.0},
        {"num_answers": 0},
        {"num_answers": -1, "tasks": ("caption",)},
        {"readout": "first"},
        {"tasks": ()},
        {"tasks": ("vqa", "poetry")},
    ],
)
def test_impossible_configs_name_the_field(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(tiny_config(), **change)


def test_a_task_may_have_pictures_of_its_own_size() -> None:
    own = {"caption": TaskConfig(image_size=8), "reason": TaskConfig(image_size=4)}
    config = replace(tiny_config(tasks=TRIO), per_task=own)
    assert [config.image_size_of(task) for task in TRIO] == [4, 8, 4]
    assert [config.image_tokens_of(task) for task in TRIO] == [5, 17, 5]
    assert [config.other_size_of(task) for task in TRIO] == [None, 8, None]
    assert config.image_sizes == (4, 8)
    assert config.picture_sizes == "vqa 4 px, caption 8 px, reason 4 px"
    assert tiny_config().picture_sizes == "4 px"
    named = {"block[0]": 5, "block[1:8]": 17, "whole[vqa:d1]": 5, "whole_image[caption:d1]": 17}
    assert {n: config.image_tokens_in(StageName(n)) for n in named} == named
    image, decode = composed_programs(CAPTION, config, SkipPattern((0, 2), 4))
    assert image.stages == ("stem[caption:8]", "block_image[0:8]", "block_image[1:8]")
    assert decode.stages == ("stem[decode]", "block_decode[0]", "block_decode[1]", "head[caption]")
    (judged,) = composed_programs(REASON, config, SkipPattern((0,), 4))
    assert judged.stages[:2] == ("stem[vqa]", "block[0]"), "its size is the model's"


def test_what_tasks_have_of_their_own_survives_json() -> None:
    own = {"vqa": TaskConfig(image_size=8, final_norm=True)}
    config = replace(tiny_config(), per_task=own)
    written = json.loads(json.dumps(config.to_fields()))
    assert ModelConfig.from_fields(written) == config
    assert "per_task" not in tiny_config().to_fields()
    document = json.loads((DEMO / MANIFEST_NAME).read_text("utf-8"))
    document["config"]["per_task"] = {"caption": {"image_size": 64, "final_norm": True}}
    read = Manifest.model_validate(document)
    assert read.config.of_task("caption") == TaskConfig(image_size=64, final_norm=True)
    assert Manifest.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    "own",
    [
        {"reason": {"image_size": 8}},
        {"vqa": {"image_size": 7}},
        {"vqa": {"image_size": 0}},
        {"vqa": {"image_size": "8"}},
        {"vqa": {"final_norm": 1}},
        {"vqa": {"colour": "red"}},
        {"vqa": 8},
        ["vqa"],
    ],
)
def test_impossible_fields_of_a_task(own: object) -> None:
    with pytest.raises(ValueError, match=r"per_task|image_size"):
        ModelConfig.from_fields(tiny_config().to_fields() | {"per_task": own})


def test_fields_survive_json() -> None:
    config = replace(tiny_config(), layer_norm_eps=1)
    assert ModelConfig.from_fields(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("width", "4"),
        ("width", True),
        ("width", 4.0),
        ("merged_feed_forward", 1),
        ("key_of_order", [0, "1"]),
        ("tasks", "vqa"),
        ("name", None),
    ],
)
def test_unknown_and_mistyped_fields_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        ModelConfig.from_fields(asdict(tiny_config()) | {name: value})


def test_a_missing_field_is_named() -> None:
    fields = asdict(tiny_config())
    del fields["width"]
    with pytest.raises(ValueError, match="width"):
        ModelConfig.from_fields(fields)


def test_a_manifest_reads_it_and_writes_the_same_bytes() -> None:
    text = (DEMO / MANIFEST_NAME).read_text("utf-8")
    manifest = Manifest.model_validate_json(text)
    assert isinstance(manifest.config, ModelConfig)
    assert manifest.model_dump_json(indent=1, exclude_unset=True) + "\n" == text


@pytest.mark.parametrize(("name", "value"), [("colour", "red"), ("width", 0), ("tasks", ["x"])])
def test_a_manifest_refuses_what_it_refuses(name: str, value: object) -> None:
    document = json.loads((DEMO / MANIFEST_NAME).read_text("utf-8"))
    document["config"][name] = value
    with pytest.raises(ValidationError, match=name):
        Manifest.model_validate(document)


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
    (program,) = composed_programs(VQA, config, pattern)
    assert [step.stage for step in program.steps] == [
        "stem[vqa]",
        "block[0]",
        "block[0]",
        "block[1]",
        "head[vqa]",
    ]
    assert [step.order_in_key for step in program.steps[1:-1]] == [0, 1, 1]
    assert program.blocks == 3
    image, decode = composed_programs(CAPTION, config, pattern)
    assert image.stages == ("stem[caption]", "block_image[0]", "block_image[1]")
    assert decode.stages == ("stem[decode]", "block_decode[0]", "block_decode[1]", "head[caption]")


def test_a_whole_variant_is_one_step_and_a_caption_two() -> None:
    (asked,), (judged,) = whole_programs(VQA, "d3"), whole_programs(REASON, "d3")
    assert (asked.stages, judged.stages) == (("whole[vqa:d3]",), ("whole[reason:d3]",))
    image, decode = whole_programs(CAPTION, "d3")
    assert image.stages == ("whole_image[caption:d3]",)
    assert decode.stages == ("whole_decode[caption:d3]",)
