"""Measuring the latency profile, once per artifact, machine and library (ADR 0014)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from artifact.latency.machine import machine_fingerprint
from artifact.latency.profile import Curve, LatencyProfile, profile_key
from artifact.stage import stage_name
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.config import EngineConfig
from engine.opening.measurement import Measurement, ProfilePoint, alike, profile_points
from engine.residency.family import Family
from engine.residency.probe import buckets_of
from engine.residency.stages import Progress, StageSet

_LOG = logging.getLogger(__name__)
_DRIFT = 2.0
_TOO_SHORT_S = 1e-3


def profile_path(cache_dir: Path, key: str) -> Path:
    """Return where a latency profile is cached."""
    return cache_dir / "latency" / f"{key}.json"


def cached_profile(
    artifact: Artifact, backend: Backend, config: EngineConfig
) -> LatencyProfile | None:
    """Return the cached profile for this artifact, machine and library; None if there is none."""
    key = profile_key(artifact.hash, machine_fingerprint(), backend.library, config.threads)
    path = profile_path(config.cache_dir, key)
    if not path.is_file():
        return None
    try:
        profile = LatencyProfile.from_json(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        _LOG.warning("%s: %s (measuring again)", path, error)
        return None
    return profile if profile.key == key else None


def measure_profile(
    artifact: Artifact,
    backend: Backend,
    family: Family,
    stages: StageSet,
    config: EngineConfig,
    report: Progress,
) -> LatencyProfile:
    """Measure the loaded stages and write the cache; a cache that cannot be written only warns.

    Beside an engine that answers meanwhile (`config.beside_bytes`) nothing is written.
    """
    points = profile_points(family, stages, config.max_batch)
    measurement = Measurement(family, stages, points, config.profile_limit_s)
    share = -1.0
    while measurement.call():
        if measurement.share > share:
            share = measurement.share
            report(f"measuring {measurement.stage}", share)
    profile = profile_of(artifact, backend, config, measurement.curves())
    if config.beside_bytes is None:
        save_profile(profile, config)
    return profile


def profile_of(
    artifact: Artifact,
    backend: Backend,
    config: EngineConfig,
    curves: Mapping[str, Mapping[int, Curve]],
) -> LatencyProfile:
    """Return measured curves as the latency profile of this artifact, machine and library."""
    machine = machine_fingerprint()
    key = profile_key(artifact.hash, machine, backend.library, config.threads)
    return LatencyProfile(key, curves, machine, backend.library)


def save_profile(profile: LatencyProfile, config: EngineConfig) -> None:
    """Write the cache; if it cannot be written, that only warns."""
    try:
        profile.save(profile_path(config.cache_dir, profile.key))
    except OSError as error:
        _LOG.warning("latency profile not cached: %s (set another cache folder)", error)


def still_true(profile: LatencyProfile, family: Family, stages: StageSet) -> bool:
    """Measure one stage again: a profile made on a busy machine must not be believed for ever.

    A block, or where there is none a whole variant.
    """
    known = [group for group in alike(family, stages) if group[0] in profile.curves]
    if not known:
        return True
    group = next((group for group in known if stage_name(group[0]).is_block), known[0])
    stage = group[0]
    bucket = buckets_of(family, stage)[-1]
    again = Measurement(family, stages, [ProfilePoint(group, bucket, 1, needed=True)], 0.0)
    while again.call():
        pass
    now_s = again.curves()[stage][bucket][0][1]
    then_s = profile.predict_s(stage, bucket, 1)
    ratio = now_s / then_s
    if 1 / _DRIFT < ratio < _DRIFT or max(now_s, then_s) < _TOO_SHORT_S:
        return True
    _LOG.info("cached latency profile is off by a factor of %.2g; measuring again", ratio)
    return False
