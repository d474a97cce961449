"""The quality a backend may offer: checked, or proven where it has no numbers (ADR 0016)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from artifact.config import Precision
from artifact.latency.machine import machine_fingerprint
from artifact.latency.profile import profile_key
from artifact.store import Artifact
from artifact.task import TaskName
from engine.backends.base import Backend
from engine.config import EngineConfig
from engine.errors import ParityFailed
from engine.opening.cache import remember
from engine.opening.golden import QUALITY_LIMIT, Measured, golden_loss, on_record

_LOG = logging.getLogger(__name__)

Measure = Callable[[Mapping[TaskName, Sequence[str]]], Measured]
"""Answers the labelled cases of each task with the given variants (`scoring.measure_quality`)."""


def known_quality(artifact: Artifact, backend: Backend, config: EngineConfig) -> Measured:
    """Return what was measured before of this artifact, with this machine, library and threads."""
    return _read(_path(artifact, backend, config))


def check_quality(
    artifact: Artifact, measure: Measure, resident_keys: int, known: Measured | None = None
) -> Measured:
    """Answer the labelled cases with each task's deepest resident variant on record.

    What `known` has of them was measured before, on the same artifact, machine and library.

    Raises:
        ParityFailed: if it is more than half a point below the artifact's golden record.
    """
    found: Measured = {}
    for task, variants in on_record(artifact, resident_keys).items():
        deepest = (task, variants[-1])
        if known is not None and deepest in known:
            found[deepest] = known[deepest]
        else:
            found |= measure({task: variants[-1:]})
    for (task, variant), measured in found.items():
        loss = golden_loss(artifact, task, variant, measured)
        if loss > QUALITY_LIMIT:
            what = f"golden quality of {task} {variant}"
            raise ParityFailed(what, loss, QUALITY_LIMIT, "loss")
    return found


def prove_quality(
    artifact: Artifact,
    backend: Backend,
    measure: Measure,
    resident_keys: int,
    checked: Measured,
    config: EngineConfig,
) -> frozenset[tuple[TaskName, str]]:
    """Return the (task, variant) that lose at most half a point of golden quality here.

    Variants whose quality the manifest has at this precision need no proof and are left out. The
    others are measured once per artifact, machine, library and thread count, and remembered, as
    are the `checked` ones.
    """
    wanted = {
        (task, variant)
        for task, variants in on_record(artifact, resident_keys).items()
        for variant in variants
        if artifact.manifest.variant(variant).quality_of(task, backend.precision) is None
    }
    path = _path(artifact, backend, config)
    remembered = _read(path)
    known = remembered | checked
    for task, variant in sorted(wanted - known.keys()):
        known |= measure({task: [variant]})
    if known != remembered:
        _write(path, known)
    losses = {pair: golden_loss(artifact, *pair, known[pair]) for pair in wanted}
    for (task, variant), loss in sorted(losses.items()):
        if loss > QUALITY_LIMIT:
            _LOG.warning(
                "%s %s loses %.2f points of golden quality on %s: its quality is offered as null",
                *(task, variant, 100 * loss, backend.library),
            )
    return frozenset(pair for pair, loss in losses.items() if loss <= QUALITY_LIMIT)


def knows_quality(artifact: Artifact, precision: Precision) -> bool:
    """Tell whether a backend of this precision can have a known quality on this artifact."""
    variants, golden = artifact.manifest.variants, artifact.manifest.golden
    if any(variant.declared or precision == "fp32" for variant in variants):
        return True
    recorded = any(v.quality_of(t, precision) is not None for v in variants for t in v.quality)
    return recorded or (golden is not None and bool(golden.cases and golden.quality))


def _path(artifact: Artifact, backend: Backend, config: EngineConfig) -> Path:
    key = profile_key(artifact.hash, machine_fingerprint(), backend.library, config.threads)
    return config.cache_dir / "quality" / f"{key}.json"


def _read(path: Path) -> Measured:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {(t, str(v)): float(q) for t, by in found.items() for v, q in by.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _LOG.warning("%s: %s (measuring again)", path, error)
        return {}


def _write(path: Path, measured: Measured) -> None:
    by_task: dict[str, dict[str, float]] = {}
    for (task, variant), quality in sorted(measured.items()):
        by_task.setdefault(task, {})[variant] = quality
    remember(path, json.dumps(by_task, indent=1) + "\n")
