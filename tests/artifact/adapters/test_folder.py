"""Adapters on disk: what is written is read; what is wrong is refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from artifact.adapters import folder
from artifact.adapters.errors import (
    BadAdapterName,
    InvalidAdapter,
    PickledAdapter,
)
from artifact.adapters.folder import (
    RECORD_NAME,
    TENSORS_NAME,
    read_adapter,
    write_adapter,
)
from artifact.adapters.record import AdapterHead, VariantQuality
from artifact.errors import ArtifactError, MissingFile, SchemaTooNew
from artifact.task import CAPTION, VQA
from tests.artifact.adapters.made_adapters import a_record, drawn, tables_at


@pytest.fixture
def written(tmp_path: Path) -> Path:
    record = a_record()
    write_adapter(tmp_path / "pets", record, drawn(record))
    return tmp_path / "pets"


def changed(root: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the record's JSON in place."""
    path = root / RECORD_NAME
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return root


def resaved(root: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the tensors, and the record's SHA-256 of them."""
    tensors = dict(read_adapter(root).tensors)
    change(tensors)
    save_file(tensors, root / TENSORS_NAME)
    digest = folder.hashlib.sha256((root / TENSORS_NAME).read_bytes()).hexdigest()
    return changed(root, lambda document: document.update(tensors_sha256=digest))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tables = (
        *tables_at("block.ffn_output", parts=("down", "up", "gate_down", "gate_up"), gate_rank=3),
        *tables_at("block.prefix", rank=4, parts=("key", "value")),
        *tables_at("block.ffn_beside", parts=("down", "up", "shift"), carry=1.0),
        *tables_at("block.inner_ffn_norm", rank=0, parts=("scale", "shift")),
        *tables_at("stem.image", "stem.text"),
        *tables_at("stem.prompt", rank=2, parts=("rows",)),
    )
    head = AdapterHead(tensors={"answers.bias": (2,)}, labels=("cat", "dog"))
    quality = VariantQuality(
        variant="d2", pattern=(0, 2), quality={VQA.name: {"fp32": 0.5, "bf16": None}}
    )
    record = a_record(
        tables,
        heads={VQA.name: head},
        variants=(quality,),
        quality_source="measured: 10 questions",
    )
    made = write_adapter(tmp_path / "pets", record, drawn(record))
    found = read_adapter(tmp_path / "pets")
    assert found.record == made.record
    assert found.hash == made.hash
    assert found.tensors.keys() == record.shapes().keys()
    for name, table in found.tensors.items():
        np.testing.assert_array_equal(table, made.tensors[name])
    assert found.tensors["block.ffn_output.text.gate_up"].shape == (3, 3, 6)
    assert found.tensors["block.prefix.key"].shape == (3, 4, 6)
    assert found.tensors["block.inner_ffn_norm.image.scale"].shape == (3, 10)
    assert found.tensors["stem.image.down"].shape == (6, 2)
    assert found.tensors["stem.prompt.rows"].shape == (2, 6)
    assert found.head(VQA.name)["answers.bias"].shape == (2,)
    assert found.head(CAPTION.name) == {}
    assert found.record.quality_of((0, 2), VQA.name, "fp32") == 0.5
    assert found.record.quality_of((0, 1), VQA.name, "fp32") is None
    assert found.size_bytes == sum(table.nbytes for table in found.tensors.values())


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a\nb", "a\x00", ".a", "a" * 65, "kätzchen"])
def test_a_bad_name_is_neither_written_nor_read(written: Path, tmp_path: Path, name: str) -> None:
    record = a_record().model_copy(update={"name": name})
    with pytest.raises(BadAdapterName):
        write_adapter(tmp_path / "other", record, drawn(a_record()))
    with pytest.raises(BadAdapterName) as caught:
        read_adapter(changed(written, lambda document: document.update(name=name)))
    assert str(caught.value).isprintable()


def refused(root: Path, kind: type[ArtifactError], says: str) -> None:
    with pytest.raises(kind) as caught:
        read_adapter(root)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_is_named(written: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nothing", MissingFile, RECORD_NAME)
    (written / TENSORS_NAME).unlink()
    refused(written, MissingFile, TENSORS_NAME)


def test_a_folder_that_disappears_while_it_is_read(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = folder._parse

    def parse_then_lose(path: Path, raw: bytes) -> object:
        record = parse(path, raw)
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        shutil.rmtree(written)
        return record

    monkeypatch.setattr(folder, "_parse", parse_then_lose)
    refused(written, MissingFile, "No such file")


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter.pt", "a.pkl"])
def test_a_pickled_file_beside_it_is_refused(written: Path, name: str) -> None:
    (written / name).write_bytes(b"\x80\x04.")
    refused(written, PickledAdapter, name)


@pytest.mark.parametrize("begins", [b"PK\x03\x04", b"\x80\x04\x95", b"\x80\x02}"])
def test_a_pickled_file_under_its_name_is_refused(written: Path, begins: bytes) -> None:
    (written / TENSORS_NAME).write_bytes(begins + bytes(100))
    refused(written, PickledAdapter, TENSORS_NAME)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(written: Path, value: float) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["block.q.text.up"] = np.full_like(tensors["block.q.text.up"], value)

    refused(resaved(written, spoil), InvalidAdapter, "block.q.text.up holds")


def test_tensors_are_those_of_the_record(written: Path) -> None:
    refused(resaved(written, lambda t: t.pop("block.v.text.up")), InvalidAdapter, "no tensor")


def test_a_tensor_more_is_refused(written: Path) -> None:
    extra = np.zeros(3, np.float32)
    refused(resaved(written, lambda t: t.update(more=extra)), InvalidAdapter, "'more'")


def test_a_tensor_of_another_type_is_refused(written: Path) -> None:
    def halve(tensors: dict[str, Any]) -> None:
        tensors["block.q.text.up"] = tensors["block.q.text.up"].astype(np.float16)

    refused(resaved(written, halve), InvalidAdapter, "float16 [3, 2, 6], not float32 [3, 2, 6]")


def test_changed_and_torn_tensors_are_refused(written: Path) -> None:
    path = written / TENSORS_NAME
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    refused(written, InvalidAdapter, "SHA-256")
    path.write_bytes(bytes(raw) * 60_000)
    refused(written, InvalidAdapter, "larger than its record says")


def test_text_that_is_no_tensor_file_is_refused(written: Path) -> None:
    (written / TENSORS_NAME).write_bytes(b"hello")
    digest = folder.hashlib.sha256(b"hello").hexdigest()
    changed(written, lambda document: document.update(tensors_sha256=digest))
    refused(written, InvalidAdapter, "no safetensors file")


def test_a_newer_record_is_refused(written: Path) -> None:
    refused(changed(written, lambda d: d.update(schema_version=2)), SchemaTooNew, "reads up to 1")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"schema_version": true}'])
def test_a_record_that_is_none_is_refused(written: Path, text: str) -> None:
    (written / RECORD_NAME).write_text(text)
    refused(written, InvalidAdapter, RECORD_NAME)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"hook": "block.x"}, "there is no hook 'block.x'"),
        ({"hook": "block.\n"}, "there is no hook"),
        ({"modality": None}, "no tables of modality None"),
        ({"parts": ["down"]}, "down and up go together"),
        ({"parts": ["down", "up", "key"]}, "its parts may be"),
        ({"parts": ["down", "up", "up"]}, "each once"),
        ({"parts": ["shift"]}, "rank 2 does not go"),
        ({"rank": 0}, "rank 0 does not go"),
        ({"rank": 4096}, "less than or equal to 1024"),
        ({"gate_rank": 2}, "rank 2 does not go"),
        ({"carry": 1.0}, "only a hook beside"),
        ({"activation": "mish"}, "activation"),
        ({"bytes": 1}, "bytes"),
    ],
)
def test_tables_that_contradict_themselves(
    written: Path, fields: dict[str, Any], says: str
) -> None:
    refused(changed(written, lambda d: d["tables"][0].update(fields)), InvalidAdapter, says)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tables": []}, "neither tables nor heads"),
        ({"tasks": ["reason"]}, "the base has no task 'reason'"),
        ({"tasks": []}, "tasks"),
        ({"heads": {"a\nb": {"tensors": {"x": [1]}}}}, "the base has no task"),
        ({"heads": {"vqa": {"tensors": {"x/y": [1]}}}}, "pattern"),
        ({"heads": {"vqa": {"tensors": {"x": [-1]}}}}, "greater than or equal to 1"),
        ({"quality_source": "measured: x"}, "where there is any"),
        ({"base": {"name": "small"}}, "is named"),
        ({"base": {"name": "small", "checkpoint_sha256": "A" * 64}}, "pattern"),
    ],
)
def test_a_record_that_contradicts_itself(written: Path, fields: dict[str, Any], says: str) -> None:
    refused(changed(written, lambda document: document.update(fields)), InvalidAdapter, says)


def test_two_entries_at_one_hook_are_refused(written: Path) -> None:
    changed(written, lambda d: d["tables"].append(d["tables"][0]))
    refused(written, InvalidAdapter, "two entries")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    record = a_record()
    tensors = drawn(record)
    tensors["block.q.image.up"][0, 0, 0] = np.nan
    with pytest.raises(InvalidAdapter):
        write_adapter(tmp_path / "pets", record, tensors)
    assert list(tmp_path.iterdir()) == []
