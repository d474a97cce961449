"""Reading and writing adapters' folders: whole or not at all (ADR 0031)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from artifact.adapters.errors import (
    AdapterOfOtherBase,
    AdapterTooLarge,
    BadAdapterName,
    InvalidAdapter,
    PickledAdapter,
)
from artifact.adapters.record import (
    ADAPTER_SCHEMA_VERSION,
    AdapterCapacity,
    AdapterRecord,
    name_problem,
)
from artifact.atomic import new_folder
from artifact.errors import MissingFile, SchemaTooNew
from artifact.manifest import Manifest
from artifact.store import Artifact

RECORD_NAME = "adapter.json"
TENSORS_NAME = "adapter.safetensors"

Table = NDArray[np.float32]

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".npz")
_MOST_RECORD_BYTES = 8_000_000
_MOST_HEADER_BYTES = 1_000_000
_AGAIN = "tune or import it again"


@dataclass(frozen=True)
class Adapter:
    """An adapter whose record and tensors have been checked against each other.

    Attributes:
        record: what it is.
        tensors: float32, finite, by the names and in the shapes of `record.shapes()`.
        hash: SHA-256 of its record's bytes.
    """

    record: AdapterRecord
    tensors: Mapping[str, Table]
    hash: str

    @property
    def size_bytes(self) -> int:
        """Bytes of its tensors."""
        return sum(each.nbytes for each in self.tensors.values())

    def head(self, task: str) -> dict[str, Table]:
        """Return the state dict of a head of its own; nothing where it has none."""
        head = self.record.heads.get(task)
        return {
            name: self.tensors[f"head.{task}.{name}"] for name in (head.tensors if head else ())
        }


def read_adapter(folder: Path | str) -> Adapter:
    """Read an adapter and check everything that needs no base.

    Raises:
        MissingFile, SchemaTooNew, InvalidAdapter, BadAdapterName, PickledAdapter: each names the
            file and the way out.
    """
    root = Path(folder)
    try:
        raw = _read_record(root)
        record = _parse(root / RECORD_NAME, raw)
        tensors = _read_tensors(root / TENSORS_NAME, record)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise MissingFile(error.filename or root, problem, "copy the folder again") from error
    return Adapter(record, tensors, hashlib.sha256(raw).hexdigest())


def check_base(path: Path | str, record: AdapterRecord, artifact: Artifact) -> None:
    """Check that an adapter was tuned on what an artifact serves.

    Args:
        path: where it lies, for the error.
        record: what it is.
        artifact: the one that would serve it.

    Raises:
        AdapterOfOtherBase: it was tuned on other weights, or for another shape.
    """
    base, manifest = record.base, artifact.manifest
    if not base.is_inside(manifest.source_checkpoint_sha256, artifact.hash):
        named = (base.checkpoint_sha256 or base.artifact_hash or "")[:12]
        problem = f"it adapts {base.name!r} ({named}…), not {manifest.name!r}"
        raise AdapterOfOtherBase(path, problem, f"serve that model, or tune it on {manifest.name}")
    if _shape(record) != _shape(manifest):
        raise AdapterOfOtherBase(path, "its base has another shape", _AGAIN)
    if strange := sorted(set(record.tasks) - set(manifest.tasks)):
        problem = f"it is for {strange[0]}, which the artifact does not serve"
        raise AdapterOfOtherBase(path, problem, "export the model with that task")


def _shape(owner: AdapterRecord | Manifest) -> dict[str, Any]:
    """Return what tables depend on, as opposed to a name or a chance."""
    fields = owner.config.to_fields()
    return {name: of for name, of in fields.items() if name not in ("name", "skip_probability")}


def check_capacity(path: Path | str, record: AdapterRecord, capacity: AdapterCapacity) -> None:
    """Check that compiled stages have room for an adapter.

    Raises:
        AdapterTooLarge: they have not.
    """
    if problem := capacity.lacks(record):
        raise AdapterTooLarge(path, problem, "export the artifact with more room, or tune smaller")


def _read_record(root: Path) -> bytes:
    path = root / RECORD_NAME
    if not path.is_file():
        fix = "give a folder that `otmv tune` or `otmv adapter import` wrote"
        raise MissingFile(root, f"no {RECORD_NAME} here", fix)
    if pickled := sorted(each.name for each in root.iterdir() if each.suffix in _PICKLED):
        raise PickledAdapter(root / pickled[0], "pickled files are not read", "use safetensors")
    if path.stat().st_size > _MOST_RECORD_BYTES:
        raise InvalidAdapter(path, f"more than {_MOST_RECORD_BYTES} bytes", _AGAIN)
    return path.read_bytes()


def _parse(path: Path, raw: bytes) -> AdapterRecord:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidAdapter(path, f"not JSON: {error}", _AGAIN) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidAdapter(path, "no schema_version", _AGAIN)
    if version > ADAPTER_SCHEMA_VERSION:
        raise SchemaTooNew(path, version, ADAPTER_SCHEMA_VERSION, None)
    name = document.get("name")
    if isinstance(name, str) and (problem := name_problem(name)):
        raise BadAdapterName(path, problem, "choose another name")
    try:
        return AdapterRecord.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        said = "".join(c if c.isprintable() else "?" for c in f"{where}: {first['msg']}")
        raise InvalidAdapter(path, said, _AGAIN) from error


def _read_tensors(path: Path, record: AdapterRecord) -> dict[str, Table]:
    if not path.is_file():
        raise MissingFile(path, "the adapter's tables are not there", "copy the folder again")
    shapes = record.shapes()
    most = sum(4 * math.prod(shape) for shape in shapes.values()) + _MOST_HEADER_BYTES
    if path.stat().st_size > most:
        raise InvalidAdapter(path, "larger than its record says", "copy the folder again")
    raw = path.read_bytes()
    started = raw[:2] in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05")
    if started and raw[8:9] != b"{":  # a safetensors header may have such a length
        raise PickledAdapter(path, "pickled files are not read", "save it as safetensors")
    if hashlib.sha256(raw).hexdigest() != record.tensors_sha256:
        raise InvalidAdapter(path, "its SHA-256 is not its record's", "copy the folder again")
    try:
        tensors = load(raw)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InvalidAdapter(path, f"no safetensors file: {error}", _AGAIN) from error
    check_tensors(path, record, tensors)
    return tensors


def check_tensors(path: Path, record: AdapterRecord, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Check tensors against what a record says of them.

    Raises:
        InvalidAdapter: one is missing, not known, of another shape or type, or not finite.
    """
    shapes = record.shapes()
    if missing := sorted(set(shapes) - set(tensors)):
        raise InvalidAdapter(path, f"no tensor {missing[0]}", _AGAIN)
    if strange := sorted(set(tensors) - set(shapes)):
        raise InvalidAdapter(path, f"its record does not name tensor {strange[0][:80]!r}", _AGAIN)
    for name, shape in shapes.items():
        found = tensors[name]
        if found.shape != shape or found.dtype != np.float32:
            problem = f"{name} is {found.dtype} {list(found.shape)}, not float32 {list(shape)}"
            raise InvalidAdapter(path, problem, _AGAIN)
        if not np.isfinite(found).all():
            raise InvalidAdapter(path, f"{name} holds numbers that are not finite", _AGAIN)


def write_adapter(out: Path, record: AdapterRecord, tensors: Mapping[str, Table]) -> Adapter:
    """Write an adapter into a new folder; `record.tensors_sha256` is set here.

    Raises:
        ArtifactError: the folder exists, or the disk is full; InvalidAdapter as `check_tensors`;
            BadAdapterName: as it says.
    """
    if problem := name_problem(record.name):
        raise BadAdapterName(out, problem, "choose another name")
    check_tensors(out, record, tensors)
    raw = save({name: np.ascontiguousarray(tensors[name]) for name in record.shapes()})
    digest = hashlib.sha256(raw).hexdigest()
    record = record.model_copy(update={"tensors_sha256": digest})
    text = record.model_dump_json(indent=1) + "\n"
    with new_folder(out) as made:
        (made / TENSORS_NAME).write_bytes(raw)
        (made / RECORD_NAME).write_text(text, "utf-8")
    return Adapter(record, dict(tensors), hashlib.sha256(text.encode()).hexdigest())
