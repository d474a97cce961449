"""Which files are refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.public import (
    PublicWeightsError,
    UnreadableWeights,
    from_public,
)
from tests.models.public.checkpoint_files import released


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ""])
def test_a_file_of_something_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"not weights at all")
    with pytest.raises(UnreadableWeights) as caught:
        from_public(path, released())
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(PublicWeightsError, match="no such file"):
        from_public(tmp_path / "beit3.pth", released())


def test_pickled_objects_are_not_loaded(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "beit3.pth"
    torch.save({"model": state, "args": argparse.Namespace(lr=1)}, path)
    with pytest.raises(UnreadableWeights) as caught:
        from_public(path, released())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stored", [{"module": {}}, [1], {"model": 3}, {"model": {"a": 1}}])
def test_no_tensors_under_model(tmp_path: Path, stored: object) -> None:
    path = tmp_path / "beit3.pth"
    torch.save(stored, path)
    with pytest.raises(UnreadableWeights, match="model"):
        from_public(path, released())
