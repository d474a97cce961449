"""Folders that peft wrote: they compute what peft computes, or are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from artifact.adapters.errors import InvalidAdapter, PickledAdapter, UnsupportedAdapter
from artifact.adapters.folder import Adapter, read_adapter, write_adapter
from artifact.adapters.record import AdapterRecord
from artifact.errors import MissingFile
from artifact.task import VQA
from models.adapters.loaded import adapted
from models.adapters.merging import MERGED, into_weights
from models.adapters.peft import read_peft
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tests.models import tiny
from tests.models.adapters.random_adapters import (
    BASE,
    EXECUTED,
    PEFT,
    captions,
    checkpoint,
    far,
)


def imported(folder: Path, base: Checkpoint, tmp_path: Path) -> Adapter:
    """Read a folder of peft's, write it as an adapter, read that."""
    found = read_peft(folder, base.model)
    record = AdapterRecord(
        name="pets",
        kind=found.kind,
        base=BASE,
        config=base.model.config,
        tasks=(VQA.name,),
        tables=found.tables,
        heads=found.heads,
        tuned_parameters=sum(table.size for table in found.tensors.values()),
        note=found.note,
    )
    write_adapter(tmp_path / "pets", record, found.tensors)
    return read_adapter(tmp_path / "pets")


@pytest.mark.parametrize("name", ["lora", "rslora"])
def test_peft_s_lora_computes_what_peft_computes(tmp_path: Path, name: str) -> None:
    """The folders and numbers were made by peft 0.21.2 on this tiny model."""
    base = checkpoint()
    expected = load_file(PEFT / name / "expected.safetensors")
    made = adapted(base, imported(PEFT / name, base, tmp_path)).model
    assert far(answer_of_peft(made), expected["vqa"]) < 1e-5
    assert far(captions(made), expected["caption"]) < 1e-5
    assert far(answer_of_peft(base.model), expected["vqa"]) > 1e-3


@torch.inference_mode()
def answer_of_peft(model: OtmvModel) -> Tensor:
    return model.answer(VQA, tiny.pixels(3), tiny.words(3, 5), None, EXECUTED)


def test_peft_s_lora_merges(tmp_path: Path) -> None:
    base = checkpoint()
    adapter = imported(PEFT / "lora", base, tmp_path)
    made = into_weights(base, adapter, MERGED).model
    expected = load_file(PEFT / "lora/expected.safetensors")
    assert far(answer_of_peft(made), expected["vqa"]) < 1e-5


def test_released_names_are_read(tmp_path: Path) -> None:
    base = checkpoint()
    down, up = torch.randn(2, 16), torch.randn(24, 2)
    config = {"peft_type": "LORA", "lora_alpha": 4, "r": 2}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    module = "base_model.model.beit3.encoder.layers.2.ffn.B.fc1"
    named = {f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": up}
    save_file(named, tmp_path / "adapter_model.safetensors")
    found = read_peft(tmp_path, base.model)
    ((site),) = found.tables
    assert (site.hook, site.modality, site.rank) == ("block.fc1", "text", 2)
    made = found.tensors["block.fc1.text.down"] @ found.tensors["block.fc1.text.up"]
    np.testing.assert_allclose(made[2], 2 * (up @ down).T.numpy(), rtol=1e-5, atol=1e-5)
    assert not made[[0, 1, 3]].any()


def rows_folder(folder: Path, kind: str, rows: Tensor) -> Path:
    folder.mkdir()
    said = {"peft_type": kind, "num_virtual_tokens": len(rows), "prefix_projection": True}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    save_file({"prompt_embeddings": rows}, folder / "adapter_model.safetensors")
    return folder


def test_peft_s_prefix_is_parted_as_peft_parts_it(tmp_path: Path) -> None:
    """[B, p, 2L, heads, e] → (2L, B, heads, p, e), split in pairs: key, value."""
    rows = torch.randn(3, 2 * tiny.ORDERS * 16)
    found = read_peft(rows_folder(tmp_path / "prefix", "PREFIX_TUNING", rows), checkpoint().model)
    apart = rows.view(1, 3, 2 * tiny.ORDERS, 2, 8).permute(2, 0, 3, 1, 4).split(2)
    for order, (key, value) in enumerate(apart):
        for part, wanted in (("key", key), ("value", value)):
            table = torch.from_numpy(found.tensors[f"block.prefix.{part}"][order])
            torch.testing.assert_close(table.view(3, 2, 8).transpose(0, 1), wanted[0])


def test_peft_s_prompt(tmp_path: Path) -> None:
    rows = torch.randn(3, 16)
    found = read_peft(rows_folder(tmp_path / "prompt", "PROMPT_TUNING", rows), checkpoint().model)
    np.testing.assert_array_equal(found.tensors["stem.prompt.rows"], rows.numpy())


@pytest.mark.parametrize("kind", ["PREFIX_TUNING", "PROMPT_TUNING"])
def test_rows_of_another_base_are_refused(tmp_path: Path, kind: str) -> None:
    folder = rows_folder(tmp_path / "rows", kind, torch.randn(3, 17))
    with pytest.raises(InvalidAdapter, match=r"rows of \[17\] numbers"):
        read_peft(folder, checkpoint().model)


def test_dora_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedAdapter, match=r"DoRA \(use_dora\)"):
        read_peft(PEFT / "dora", checkpoint().model)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"peft_type": None}, "peft_type 'None'"),
        ({"bias": "all"}, "trained biases"),
        ({"init_lora_weights": "pissa_niter_16"}, "pissa"),
        ({"trainable_token_indices": [3]}, "trained token rows"),
        ({"alora_invocation_tokens": [1]}, "activated LoRA"),
    ],
)
def test_kinds_that_have_no_tables_are_refused_by_name(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    folder = shutil.copytree(PEFT / "lora", tmp_path / "lora")
    said = json.loads((folder / "adapter_config.json").read_text()) | change
    (folder / "adapter_config.json").write_text(json.dumps(said))
    with pytest.raises(UnsupportedAdapter, match=says) as caught:
        read_peft(folder, checkpoint().model)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "shape", "kind", "says"),
    [
        ("stem.words.lora_embedding_A", (2, 20), UnsupportedAdapter, "stem.words"),
        ("stem.patches.lora_A.weight", (2, 3, 4, 4), UnsupportedAdapter, "stem.patches"),
        ("keys.9.out.0.lora_A.weight", (2, 16), UnsupportedAdapter, "keys.9"),
        ("stem.cls_token", (1, 1, 16), UnsupportedAdapter, "no part of a head"),
        ("heads.vqa.answers.bias", (9,), InvalidAdapter, "--labels"),
        ("keys.0.out.0.lora_A.weight", (2, 15), InvalidAdapter, "another shape"),
    ],
)
def test_tensors_that_have_no_place_are_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...], kind: type[Exception], says: str
) -> None:
    folder = shutil.copytree(PEFT / "lora", tmp_path / "lora")
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors[f"base_model.model.{name}"] = torch.zeros(shape)
    if name.endswith("lora_A.weight"):
        other = name.replace("lora_A", "lora_B")
        tensors[f"base_model.model.{other}"] = torch.zeros(16, 2)
    save_file(tensors, folder / "adapter_model.safetensors")
    with pytest.raises(kind, match=says):
        read_peft(folder, checkpoint().model)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    model = checkpoint().model
    with pytest.raises(MissingFile, match=r"no adapter_config\.json"):
        read_peft(tmp_path, model)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(InvalidAdapter, match="not JSON"):
        read_peft(tmp_path, model)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(MissingFile, match="tensors are not there"):
        read_peft(tmp_path, model)
    (tmp_path / "adapter_model.bin").write_bytes(b"PK")
    with pytest.raises(PickledAdapter):
        read_peft(tmp_path, model)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"PK")
    with pytest.raises(InvalidAdapter, match="no safetensors file"):
        read_peft(tmp_path, model)
    save_file({"x": torch.tensor([float("nan")])}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(InvalidAdapter, match="not of finite numbers"):
        read_peft(tmp_path, model)
