"""Plans in the cache folder: where they lie, and whether one may be used.

CACHE/plans/<artifact>/<library>-<version>-<arch>-<precision>/block.0.plan
                                                              block.0.json   its record
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from artifact.atomic import write_atomically
from artifact.errors import (
    PlanCorrupt,
    PlanMissing,
    PlanOtherVersion,
    PlanOutdated,
    PlanTruncated,
    PlanWrongArch,
)
from artifact.plan.record import PlanRecord, PlanTarget
from artifact.store import Artifact

_HASH_LETTERS = 24


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
    """Return the plan of a stage for exactly this target, else the portable one.

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
