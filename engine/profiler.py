"""Measuring the latency profile, once per artifact, machine and library (design §4, §5)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from artifact.latency import LatencyProfile, machine_fingerprint, profile_key
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.config import EngineConfig
from engine.family import Family
from engine.probe import buckets_of, stage_inputs
from engine.stages import Progress, StageSet

_LOG = logging.getLogger(__name__)
_REPEATS = 5
_ENOUGH_S = 0.05


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
    on_progress: Progress,
) -> LatencyProfile:
    """Measure every loaded stage and write the cache; a cache that cannot be written only warns.

    Points are taken in three rounds: smallest and largest batch at the largest bucket, then the
    other buckets, then the batches between. When `profile_limit_s` is over, what is missing is
    interpolated; the first round is always completed.
    """
    started_s = time.perf_counter()
    found: dict[str, dict[int, dict[int, float]]] = {}
    rounds = [list(points) for points in _rounds(family, stages, config.max_batch)]
    total = sum(len(points) for points in rounds)
    done = 0
    for number, points in enumerate(rounds):
        for stage, bucket, batch in points:
            if number and time.perf_counter() - started_s > config.profile_limit_s:
                break
            seconds = _measure(family, stages, stage, bucket, batch)
            found.setdefault(stage, {}).setdefault(bucket, {})[batch] = seconds
            done += 1
            on_progress(f"measuring {stage}", done / total)
    key = profile_key(artifact.hash, machine_fingerprint(), backend.library, config.threads)
    curves = {
        stage: {bucket: tuple(sorted(curve.items())) for bucket, curve in by.items()}
        for stage, by in found.items()
    }
    profile = LatencyProfile(key, curves, machine_fingerprint(), backend.library)
    try:
        profile.save(profile_path(config.cache_dir, key))
    except OSError as error:
        _LOG.warning("latency profile not cached: %s (set another cache folder)", error)
    return profile


def _rounds(
    family: Family, stages: StageSet, max_batch: int
) -> Iterator[Iterator[tuple[str, int, int]]]:
    ends = tuple(dict.fromkeys((1, max_batch)))
    between = [b for b in family.manifest.buckets.batches if 1 < b < max_batch]
    buckets = {stage: buckets_of(family, stage) for stage in stages.loaded}
    yield ((stage, buckets[stage][-1], b) for stage in buckets for b in ends)
    yield ((stage, k, b) for stage in buckets for k in buckets[stage][:-1] for b in ends)
    yield ((stage, k, b) for stage in buckets for k in buckets[stage] for b in between)


def _measure(family: Family, stages: StageSet, stage: str, bucket: int, batch: int) -> float:
    """Return mean seconds of one call after one call to warm up."""
    inputs = stage_inputs(family.manifest, stage, bucket, batch)
    stages.run(stage, inputs)
    start_s = time.perf_counter()
    for repeat in range(1, _REPEATS + 1):
        stages.run(stage, inputs)
        elapsed_s = time.perf_counter() - start_s
        if elapsed_s > _ENOUGH_S and repeat > 1:
            break
    return elapsed_s / repeat
