"""Which checkpoints are refused for the tensors they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor

from models.public import (
    MissingWeights,
    NotFinite,
    ShapeMismatch,
    UnexpectedWeights,
    from_public,
)
from tests.models.public.checkpoint_files import block, released, saved


def test_missing_names(tmp_path: Path, state: dict[str, Tensor]) -> None:
    gone = block(3, "self_attn.k_proj.B.bias")
    del state[gone]
    with pytest.raises(MissingWeights, match=gone) as caught:
        from_public(saved(tmp_path / "less.safetensors", state), released())
    assert caught.value.names == (gone,)


def test_a_task_the_checkpoint_has_no_head_for(file: Path) -> None:
    with pytest.raises(MissingWeights, match=r"mlm_head\.weight"):
        from_public(file, released(tasks=("caption",)))


def test_too_many_orders_are_named_in_short(file: Path) -> None:
    with pytest.raises(MissingWeights, match=r"layers\.4\..* and \d+ more") as caught:
        from_public(file, released(keys=6, orders=6))
    assert len(str(caught.value)) < 500


def test_too_few_orders(file: Path) -> None:
    with pytest.raises(UnexpectedWeights, match=r"layers\.3\."):
        from_public(file, released(keys=3, orders=3))


def test_numbers_that_are_none(tmp_path: Path, state: dict[str, Tensor]) -> None:
    name = block(2, "ffn.A.fc1.weight")
    state[name][0, 0] = float("nan")
    with pytest.raises(NotFinite, match=r"layers\.2\.ffn\.A\.fc1\.weight") as caught:
        from_public(saved(tmp_path / "nan.safetensors", state), released())
    assert caught.value.names == (name,)


def test_another_shape(file: Path) -> None:
    name = "beit3.encoder.embed_positions.A.weight"
    with pytest.raises(ShapeMismatch, match=r"\[7, 16\], the config wants \[19, 16\]") as caught:
        from_public(file, released(image_size=16))
    assert (caught.value.name, caught.value.found) == (name, (7, 16))
