"""From an artifact to loaded, checked and measured stages: all that happens before readiness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from artifact.latency.profile import LatencyProfile
from artifact.store import Artifact
from artifact.task import TaskName
from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.config import EngineConfig
from engine.opening.golden import Measured, check_parity
from engine.opening.latency import cached_profile, measure_profile, still_true
from engine.opening.quality import check_quality, known_quality, prove_quality
from engine.opening.scoring import measure_quality
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.stages import Progress, StageSet


@dataclass(frozen=True)
class OpenedEngine:
    """Loaded stages that passed the golden check, and their latency profile.

    `reason` is why this backend, in one line. `measured_beside`: the profile was measured while
    another engine of the process answered.
    """

    backend: Backend
    family: Family
    stages: StageSet
    profile: LatencyProfile
    reason: str = "as configured"
    measured_beside: bool = False


def open_engine(
    artifact: Artifact, config: EngineConfig, on_progress: Progress, measure_again: bool = False
) -> OpenedEngine:
    """Load and warm every stage the budget holds, check it, find or measure its times.

    Raises:
        LoadFailed, ParityFailed: nothing stays loaded then.
    """
    backend = open_backend(config.backend, config.threads, artifact, config.cache_dir)
    family = Family(artifact.manifest, backend.precision)
    stages = StageSet(
        artifact,
        backend,
        family,
        config.max_batch,
        config.memory_budget_bytes,
        config.beside_bytes or 0,
        config.adapter_places,
    )
    opened = None
    try:
        stages.load(on_progress)
        if config.check_golden:
            known = {} if measure_again else known_quality(artifact, backend, config)
            proven = _check(artifact, backend, family, stages, config, on_progress, known)
            family = Family(artifact.manifest, backend.precision, proven)
        profile = None if measure_again else cached_profile(artifact, backend, config)
        alone = config.beside_bytes is None
        if profile is not None and alone and not still_true(profile, family, stages):
            profile = None
        beside = profile is None and not alone
        if profile is None:
            profile = measure_profile(artifact, backend, family, stages, config, on_progress)
        opened = OpenedEngine(backend, family, stages, profile, measured_beside=beside)
    finally:
        if opened is None:
            stages.close()
    on_progress("ready", 1.0)
    return opened


def _check(
    artifact: Artifact,
    backend: Backend,
    family: Family,
    stages: StageSet,
    config: EngineConfig,
    on_progress: Progress,
    known: Measured,
) -> frozenset[tuple[TaskName, str]]:
    """Check parity and, unless known, quality; return the variants that may use fp32's quality."""
    on_progress("checking golden parity", 0.0)
    check_parity(artifact, stages, backend.precision)
    on_progress("checking golden quality", 0.5)
    solo = Solo(family, stages.run, config.max_batch, backend.memory)
    measure = partial(measure_quality, artifact, solo)
    checked = check_quality(artifact, measure, stages.resident_keys, known)
    return prove_quality(artifact, backend, measure, stages.resident_keys, checked, config)


def open_solo(
    artifact: Artifact, backend: str = "onnxruntime", threads: int = 0, max_batch: int = 32
) -> Solo:
    """Load every stage of an artifact, unchecked, to be run without a scheduler.

    Raises:
        LoadFailed: if a stage cannot be loaded.
    """
    opened = open_backend(backend, threads, artifact)
    family = Family(artifact.manifest, opened.precision)
    stages = StageSet(artifact, opened, family, max_batch=1)  # no warm-up at size
    stages.load(lambda what, share: None)
    return Solo(family, stages.run, max_batch, opened.memory)
