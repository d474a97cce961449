"""Plans that exist already: of this artifact, or of another one that has the same stage."""

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


def find_current(
    cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget, source: str
) -> Plan | None:
    """Return the stage's plan if it is undamaged and was built from this source.

    Args:
        cache_dir: the cache folder.
        artifact: whose stage.
        stage: its name.
        target: what the plan runs on.
        source: digest of all that decides the plan.
    """
    try:
        plan = find_plan(cache_dir, artifact, stage, target)
        plan.read()
    except PlanError:
        return None
    same = plan.record.source == source and plan.record.target == target
    return plan if same else None


def share_from_another(
    cache_dir: Path, artifact: Artifact, stage: str, target: PlanTarget, source: str
) -> Plan | None:
    """Link another artifact's plan of the same source into this artifact's folder.

    The arguments are those of `find_current`. The plan is copied where the disk has no links.

    Returns:
        The linked plan, None if no other artifact has one.

    Raises:
        OSError: the folder cannot be written.
    """
    path = plan_path(cache_dir, artifact, stage, target)
    found = _plan_of_another(path, source)
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


def _plan_of_another(path: Path, source: str) -> Plan | None:
    """Return an undamaged plan of this source, for the target that `path` is for."""
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
