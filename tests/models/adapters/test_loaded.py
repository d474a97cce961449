"""Adapters to disk and back, into weights, and from peft."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from artifact.adapters.errors import UnsupportedAdapter
from artifact.adapters.folder import write_adapter
from artifact.task import VQA
from models.adapters.forms import FORMS, make_form
from models.adapters.loaded import TunedAdapter, adapted, as_record, base_of
from models.adapters.merging import FOLDED, MERGED, into_weights
from models.checkpoint import ARTIFACT_HASH
from tests.models.adapters.random_adapters import (
    BASE,
    answer,
    captions,
    checkpoint,
    far,
    tuned,
)


@pytest.mark.parametrize("kind", FORMS)
def test_what_is_tuned_is_loaded_again(tmp_path: Path, kind: str) -> None:
    made = tuned(checkpoint(), tmp_path / "pets", kind)
    assert made.record.kind == kind
    assert made.record.tuned_parameters > 0


def test_a_checkpoint_from_an_artifact_is_that_artifact_s_base() -> None:
    plain = base_of(checkpoint())
    assert (plain.checkpoint_sha256, plain.artifact_hash) == ("0" * 64, None)
    inside = dataclasses.replace(checkpoint(), sha256="1" * 64, note={ARTIFACT_HASH: "a" * 64})
    named = base_of(inside)
    assert named.is_inside("0" * 64, "a" * 64)
    assert named.is_inside("1" * 64, None)
    assert not named.is_inside("0" * 64, "b" * 64)
    assert not plain.is_inside(None, None)


def test_a_head_of_its_own_with_other_answers(tmp_path: Path) -> None:
    base = checkpoint()
    other = checkpoint(num_answers=3)
    module = make_form("adalink", {"rank": 2}).module(base.model)
    said = TunedAdapter("pets", "adalink", BASE, (VQA.name,), (VQA.name,), ("a", "b", "c"))
    record, tensors = as_record(said, module, other.model)
    record = record.model_copy(update={"config": base.model.config})
    made = adapted(base, write_adapter(tmp_path / "pets", record, tensors))
    assert made.labels == ("a", "b", "c")
    assert made.model.config.num_answers == 3
    assert answer(made.model).shape == (3, 3)
    assert answer(base.model).shape == (3, 7)
    head = sum(weight.numel() for weight in other.model.heads[VQA.name].parameters())
    assert record.tuned_parameters == module.tuned_parameters() + head


@pytest.mark.parametrize("merged_feed_forward", [False, True])
@pytest.mark.parametrize(
    ("kind", "settings", "kinds"),
    [
        ("lora", {"share": "key", "hooks": ("q", "k", "v", "out")}, MERGED),
        ("lora", {"share": "key", "hooks": ("q", "fc1", "fc2"), "unified": True}, MERGED),
        ("bitfit", {"share": "key", "unified": True}, MERGED),
        ("adalink", {"rank": 3}, FOLDED),
        ("adalink", {"rank": 3, "unified": True}, FOLDED),
        ("adalink", {"rank": 3, "modalities": ("text",)}, FOLDED),
    ],
)
def test_weights_with_an_adapter_in_them_compute_the_same(
    tmp_path: Path,
    kind: str,
    settings: dict[str, Any],
    kinds: Any,
    merged_feed_forward: bool,
) -> None:
    base = checkpoint(merged_feed_forward=merged_feed_forward)
    before = answer(base.model)
    adapter = tuned(base, tmp_path / "pets", kind, **settings)
    unmerged, made = adapted(base, adapter).model, into_weights(base, adapter, kinds).model
    assert far(answer(made), answer(unmerged)) < 1e-5
    assert far(captions(made), captions(unmerged)) < 1e-5
    assert far(answer(made), before) > 1e-3
    assert torch.equal(answer(base.model), before)
    assert made.state_dict().keys() == base.model.state_dict().keys()
    assert made.key_of(0)[0].hooks is None


@pytest.mark.parametrize(
    ("kind", "settings", "kinds", "says"),
    [
        ("lora", {}, MERGED, "differ among the orders that share key 0"),
        ("lora", {"share": "key", "hooks": ("fc1",)}, MERGED, "image and text share weights"),
        ("serial", {}, MERGED, "tables at block.attention_output"),
        ("prefix", {}, MERGED, "tables at block.prefix"),
        ("adalink", {}, MERGED, "tables at stem.image"),
        ("adalink", {"activation": "gelu"}, FOLDED, "gelu"),
        ("lora", {"share": "key"}, FOLDED, "tables at block.q"),
        ("prompt", {}, FOLDED, "tables at stem.prompt"),
    ],
)
def test_what_cannot_go_into_weights_is_named(
    tmp_path: Path, kind: str, settings: dict[str, Any], kinds: Any, says: str
) -> None:
    base = checkpoint()
    adapter = tuned(base, tmp_path / "pets", kind, **settings)
    with pytest.raises(UnsupportedAdapter, match=says):
        into_weights(base, adapter, kinds)


def test_a_head_that_is_none_is_refused(tmp_path: Path) -> None:
    base = checkpoint()
    adapter = tuned(base, tmp_path / "pets", "adalink", (VQA.name,))
    record = adapter.record
    head = record.heads[VQA.name]
    shapes = {n: s for n, s in head.tensors.items() if n != "answers.bias"}
    heads = {VQA.name: head.model_copy(update={"tensors": shapes})}
    spoilt = dataclasses.replace(adapter, record=record.model_copy(update={"heads": heads}))
    with pytest.raises(ValueError, match=r"its head of vqa is none: .*answers\.bias"):
        adapted(base, spoilt)
