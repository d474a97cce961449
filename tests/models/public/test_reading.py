"""Which files are refused."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.public import (
    PublicWeightsError,
    UnreadableWeights,
    from_public,
    read_public,
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


class Code:
    """Pickled, it is a call that leaves a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.trace}",))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_code_is_refused_and_not_run(
    tmp_path: Path, state: dict[str, Tensor], zipped: bool
) -> None:
    path, trace = tmp_path / "beit3.pth", tmp_path / "trace"
    stored = {"model": state, "args": Code(trace)}
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnreadableWeights, match=r"system.*nothing of the file was run") as caught:
        from_public(path, released())
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "read carelessly, it would have run"


def test_a_bare_pickle_of_code_is_refused_too(tmp_path: Path) -> None:
    path, trace = tmp_path / "beit3.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Code(trace)))
    with pytest.raises(UnreadableWeights):
        from_public(path, released())
    assert not trace.exists()


def test_what_beit3_s_own_script_saves_beside_the_tensors_is_no_hindrance(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    path, beside = tmp_path / "beit3.pth", {"optimizer": {"lr": 1e-4}, "epoch": 3}
    torch.save({"model": state, "args": argparse.Namespace(lr=1, betas=[0.9]), **beside}, path)
    assert set(read_public(path)) == set(state)


@pytest.mark.parametrize("under", ["module", None])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_tensors_elsewhere_and_of_old_files(
    tmp_path: Path, state: dict[str, Tensor], under: str | None, zipped: bool
) -> None:
    path = tmp_path / "beit3.pth"
    stored = state if under is None else {under: state}
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    found = read_public(path)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file(
    tmp_path: Path, state: dict[str, Tensor], zipped: bool, share: float
) -> None:
    path = tmp_path / "beit3.pth"
    torch.save({"model": state}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UnreadableWeights, match="download it again") as caught:
        from_public(path, released())
    assert "\n" not in str(caught.value)


def test_a_truncated_safetensors_file(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UnreadableWeights, match="download it again"):
        from_public(file, released())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableWeights, match="is a folder"):
        from_public(tmp_path, released())


@pytest.mark.parametrize("stored", [{"module": {}}, [1], {"model": 3}, {"model": {"a": 1}}])
def test_no_tensors_under_model(tmp_path: Path, stored: object) -> None:
    path = tmp_path / "beit3.pth"
    torch.save(stored, path)
    with pytest.raises(UnreadableWeights, match="model"):
        from_public(path, released())
