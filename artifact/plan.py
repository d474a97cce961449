"""Plans in the cache folder: where they lie, what each was built from, whether one may be used.

A plan is a serialized TensorRT engine of one stage. Exporters write it, the engine reads it, and
this module knows no TensorRT.

    CACHE/plans/<artifact>/<library>-<version>-<arch>-<precision>/block.0.plan
                                                                  block.0.json   its record
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from artifact.atomic import write_atomically
from artifact.config import Precision
from artifact.errors import (
    PlanCorrupt,
    PlanMissing,
    PlanOtherVersion,
    PlanOutdated,
    PlanTruncated,
    PlanWrongArch,
)
from artifact.store import Artifact

PORTABLE = "portable"
"""The arch of a plan for every GPU from compute capability 8.0 on (TensorRT for RTX only)."""

_PORTABLE_FROM = 80
PlanLibrary = Literal["tensorrt", "tensorrt-rtx"]
PlanDtype = Literal["uint8", "int32", "int64", "bool", "float32", "float16", "bfloat16"]
_HASH_LETTERS = 24


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlanTarget(_Record):
    """What a plan runs on: library and version to the letter, GPU, and precision of its products.

    `arch` is the compute capability: 8.9 is `sm_89`, 12.0 is `sm_120`; or `portable`.
    """

    library: PlanLibrary
    version: str = Field(pattern=r"^[0-9A-Za-z.+_-]+$", max_length=40)
    arch: str = Field(pattern=r"^(sm_[0-9]{2,3}|portable)$")
    precision: Precision

    @property
    def folder(self) -> str:
        """The name of the folder that holds plans for it."""
        return f"{self.library}-{self.version}-{self.arch}-{self.precision}"

    @property
    def portable(self) -> PlanTarget | None:
        """The same for every GPU, if this one can use such a plan and the library makes one."""
        newer = self.arch != PORTABLE and int(self.arch[3:]) >= _PORTABLE_FROM
        if self.library != "tensorrt-rtx" or not newer:
            return None
        return self.model_copy(update={"arch": PORTABLE})


class PlanTensor(_Record):
    """One binding. `dtype` is what the plan takes or gives, which may differ from the stage's.

    The caller casts. Symbols of `shape` are those of the manifest.
    """

    dtype: PlanDtype
    shape: tuple[int | str, ...]


class SizeRange(_Record):
    """What a symbol may be, and the size the kernels were chosen for."""

    smallest: int = Field(ge=1)
    usual: int = Field(ge=1)
    largest: int = Field(ge=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.smallest <= self.usual <= self.largest:
            raise ValueError("smallest, usual and largest ascend")
        return self


class OptimizationProfile(_Record):
    """Smallest, usual and largest shapes, written as sizes of the symbols (B, N, L, T)."""

    sizes: dict[str, SizeRange]

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Return whether every symbol's size lies within its range."""
        return all(
            name in sizes and one.smallest <= sizes[name] <= one.largest
            for name, one in self.sizes.items()
        )


class PlanRecord(_Record):
    """The file beside a plan: what it was built from, by what, and what it takes.

    `artifact` is the artifact's hash and `graph_sha256` that of the stage's file. `source` is the
    digest of all that decides the plan's content (graph, weights, optimization profiles, target,
    build settings): equal sources need no second build.
    """

    record_version: Literal[1] = 1
    stage: str
    artifact: str
    graph_sha256: str
    source: str
    target: PlanTarget
    inputs: dict[str, PlanTensor]
    outputs: dict[str, PlanTensor]
    profiles: tuple[OptimizationProfile, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)
    build_s: float = Field(ge=0.0)
    toolchain: dict[str, str] = Field(default_factory=dict)

    def profile_for(self, sizes: Mapping[str, int]) -> int | None:
        """Return the index of the first optimization profile that holds these sizes, or None."""
        held = (index for index, one in enumerate(self.profiles) if one.holds(sizes))
        return next(held, None)

    def to_json(self) -> str:
        """Return the record as its file's text."""
        return self.model_dump_json(indent=1) + "\n"


@dataclass(frozen=True)
class Plan:
    """A plan whose record fits; its bytes are checked when they are read."""

    path: Path
    record: PlanRecord
    fix: str

    def read(self) -> bytes:
        """Return the serialized engine.

        Raises:
            PlanTruncated, PlanCorrupt: its size or SHA-256 is not the record's.
        """
        data = self.path.read_bytes()
        if len(data) != self.record.size_bytes:
            problem = f"{len(data)} bytes, its record says {self.record.size_bytes}"
            raise PlanTruncated(self.path, problem, self.fix)
        found = hashlib.sha256(data).hexdigest()
        if found != self.record.sha256:
            problem = f"SHA-256 {found[:12]}…, its record says {self.record.sha256[:12]}…"
            raise PlanCorrupt(self.path, problem, self.fix)
        return data


def plans_folder(cache_dir: Path, artifact_hash: str) -> Path:
    """Return the folder of all plans of one artifact; it may not exist."""
    return cache_dir / "plans" / artifact_hash[:_HASH_LETTERS]


def plan_path(cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget) -> Path:
    """Return where a stage's plan lies or will lie.

    Raises:
        KeyError: if the artifact has no such stage.
    """
    name = PurePosixPath(artifact.manifest.stages[stage].file).stem + ".plan"
    return plans_folder(cache_dir, artifact.hash) / target.folder / name


def record_path(plan: Path) -> Path:
    """Return where the record of a plan lies."""
    return plan.with_suffix(".json")


def build_command(artifact: Artifact, target: PlanTarget) -> str:
    """Return the command that builds an artifact's plans on the machine they are for."""
    return f"otmv build {artifact.root} --library {target.library} --precision {target.precision}"


def write_plan(path: Path, data: bytes | memoryview, record: PlanRecord) -> None:
    """Write a plan and its record, each whole or not at all; the record, which counts, is last.

    Raises:
        OSError: if the folder cannot be written.
    """
    record_path(path).unlink(missing_ok=True)
    write_atomically(path, data)
    write_atomically(record_path(path), record.to_json())


def read_record(path: Path, fix: str = "build the plans again with `otmv build`") -> PlanRecord:
    """Read the record of a plan.

    Raises:
        PlanMissing: there is none.
        PlanCorrupt: it is not one.
    """
    try:
        return PlanRecord.model_validate_json(record_path(path).read_bytes())
    except FileNotFoundError:
        raise PlanMissing(path, "no such plan", fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        raise PlanCorrupt(record_path(path), f"{where}: {first['msg']}", fix) from error


def find_plan(cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget) -> Plan:
    """Return the plan of a stage for this very target, else the portable one.

    Raises:
        PlanMissing: none was built; PlanWrongArch, PlanOtherVersion: only for another GPU, or by
            another version of the library.
        PlanOutdated: it lies in the right place and was built from something else.
        PlanCorrupt: its record cannot be read.
        KeyError: the artifact has no such stage.
    """
    fix = build_command(artifact, target)
    for one in (target, target.portable):
        path = None if one is None else plan_path(cache_dir, artifact, stage, one)
        if one is not None and path is not None and _is_there(path):
            return _checked(path, artifact, stage, one, fix)
    raise _why_missing(plan_path(cache_dir, artifact, stage, target), artifact, target, fix)


def _is_there(path: Path) -> bool:
    return path.is_file() and record_path(path).is_file()


def _checked(path: Path, artifact: Artifact, stage: str, target: PlanTarget, fix: str) -> Plan:
    record = read_record(path, fix)
    graph = artifact.manifest.files[artifact.manifest.stages[stage].file].sha256
    if (record.artifact, record.stage, record.graph_sha256) != (artifact.hash, stage, graph):
        raise PlanOutdated(path, "was built from another artifact or stage", fix)
    if record.target != target:
        raise _mismatch(path, record.target, target, fix)
    return Plan(path, record, fix)


def _why_missing(path: Path, artifact: Artifact, target: PlanTarget, fix: str) -> PlanMissing:
    """Return the error that names the nearest plan there is."""
    others = [
        other
        for other in _targets_beside(path)
        if other != target
        and (other.library, other.precision) == (target.library, target.precision)
    ]
    for near in sorted(others, key=lambda other: not _fits(other, target)):
        return _mismatch(path, near, target, fix)
    return PlanMissing(path, f"no plan of {artifact.manifest.name} here", fix)


def _fits(found: PlanTarget, wanted: PlanTarget) -> bool:
    """Return whether a plan suits the GPU, whatever its version."""
    portable = wanted.portable
    return found.arch == wanted.arch or (portable is not None and found.arch == portable.arch)


def _mismatch(path: Path, found: PlanTarget, wanted: PlanTarget, fix: str) -> PlanMissing:
    if not _fits(found, wanted):
        problem = f"there is a plan for {found.arch}, this GPU is {wanted.arch}"
        return PlanWrongArch(path, problem, fix)
    if found.version != wanted.version:
        problem = f"built by {found.library} {found.version}, this is {wanted.version}"
        return PlanOtherVersion(path, problem, fix)
    return PlanMissing(path, f"there is a plan for {found.folder}", fix)


def _targets_beside(path: Path) -> Iterator[PlanTarget]:
    """Yield the targets that plans of the same name were built for."""
    for record in sorted(path.parent.parent.glob(f"*/{record_path(path).name}")):
        try:
            yield read_record(record).target
        except (PlanMissing, PlanCorrupt):
            continue
