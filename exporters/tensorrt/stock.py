"""Plans that are there already: in their place, or under another artifact with the same stage."""

from __future__ import annotations

import os
from pathlib import Path

from artifact.atomic import write_atomically
from artifact.errors import PlanError
from artifact.plan import (
    Plan,
    PlanRecord,
    PlanTarget,
    find_plan,
    plan_path,
    read_record,
    record_path,
)
from artifact.store import Artifact


def in_place(
    cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget, source: str
) -> Plan | None:
    """Return the stage's plan if it is whole and was built from this source."""
    try:
        plan = find_plan(cache_dir, artifact, stage, target)
        plan.read()
    except PlanError:
        return None
    same = plan.record.source == source and plan.record.target == target
    return plan if same else None


def adopt(
    cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget, source: str
) -> Plan | None:
    """Give a plan of the same source that lies under another artifact a second place here.

    The bytes are linked, or copied where the disk has no links.

    Raises:
        OSError: the folder cannot be written.
    """
    path = plan_path(cache_dir, artifact, stage, target)
    found = _elsewhere(path, source)
    if found is None:
        return None
    graph = artifact.manifest.files[artifact.manifest.stages[stage].file].sha256
    own = {"stage": stage, "artifact": artifact.hash, "graph_sha256": graph}
    record = found.record.model_copy(update=own)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in (record_path(path), path):
        old.unlink(missing_ok=True)
    try:
        os.link(found.path, path)
    except OSError:
        write_atomically(path, found.path.read_bytes())
    write_atomically(record_path(path), record.to_json())
    return Plan(path, record, "")


def _elsewhere(path: Path, source: str) -> Plan | None:
    """Return a whole plan of this source and of the target that `path` is for."""
    plans = path.parent.parent.parent
    for record_file in sorted(plans.glob(f"*/{path.parent.name}/*.json")):
        plan = record_file.with_suffix(path.suffix)
        try:
            record: PlanRecord = read_record(plan)
            if record.source == source and plan.is_file():
                found = Plan(plan, record, "")
                found.read()
                return found
        except PlanError:
            continue
    return None
