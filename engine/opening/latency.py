"""Measuring the latency profile, once per artifact, machine and library (ADR 0014)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from artifact.latency.machine import machine_fingerprint
from artifact.latency.profile import Curve, LatencyProfile, profile_key, undisturbed
from artifact.stage import stage_name
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.config import EngineConfig
from engine.residency.family import Family
from engine.residency.probe import buckets_of, largest_batch, stage_call
from engine.residency.stages import Progress, StageSet

_LOG = logging.getLogger(__name__)
_REPEATS = 12
_DRIFT = 2.0
_TOO_SHORT_S = 1e-3
_ENOUGH_S = 0.1


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

    Stages of one kind with the same shapes (one block per key) do the same work, so they share
    their times: repeats go round them, which also keeps their weights as cold as traffic does.
    Points are taken in three rounds: smallest and largest batch at the largest bucket, then the
    other buckets, then the batches between. When `profile_limit_s` is over, what is missing is
    interpolated; the first round is always completed.
    """
    started_s = time.perf_counter()
    groups = _alike(family, stages)
    found: dict[int, dict[int, dict[int, float]]] = {}
    rounds = [list(points) for points in _rounds(family, groups, config.max_batch)]
    total = sum(len(points) for points in rounds)
    done = 0
    for number, points in enumerate(rounds):
        for group, bucket, batch in points:
            if number and time.perf_counter() - started_s > config.profile_limit_s:
                break
            seconds = _measure(family, stages, groups[group], bucket, batch)
            found.setdefault(group, {}).setdefault(bucket, {})[batch] = seconds
            done += 1
            report(f"measuring {groups[group][0]}", done / total)
    curves = {
        stage: undisturbed({bucket: tuple(curve.items()) for bucket, curve in by.items()})
        for group, by in found.items()
        for stage in groups[group]
    }
    return _profile(artifact, backend, config, curves)


def _profile(
    artifact: Artifact,
    backend: Backend,
    config: EngineConfig,
    curves: Mapping[str, Mapping[int, Curve]],
) -> LatencyProfile:
    """Return measured curves as a latency profile, saved if they were not measured under load."""
    machine = machine_fingerprint()
    key = profile_key(artifact.hash, machine, backend.library, config.threads)
    profile = LatencyProfile(key, curves, machine, backend.library)
    if config.beside_bytes is not None:
        return profile
    path = profile_path(config.cache_dir, key)
    try:
        profile.save(path)
    except OSError as error:
        _LOG.warning("latency profile not cached: %s (set another cache folder)", error)
    return profile


def still_true(profile: LatencyProfile, family: Family, stages: StageSet) -> bool:
    """Measure one stage again: a profile made on a busy machine must not be believed for ever.

    A block, or where there is none a whole variant.
    """
    known = [group for group in _alike(family, stages) if group[0] in profile.curves]
    if not known:
        return True
    group = next((group for group in known if stage_name(group[0]).is_block), known[0])
    stage = group[0]
    bucket = buckets_of(family, stage)[-1]
    now_s = _measure(family, stages, group, bucket, 1)
    then_s = profile.predict_s(stage, bucket, 1)
    ratio = now_s / then_s
    if 1 / _DRIFT < ratio < _DRIFT or max(now_s, then_s) < _TOO_SHORT_S:
        return True
    _LOG.info("cached latency profile is off by a factor of %.2g; measuring again", ratio)
    return False


def _alike(family: Family, stages: StageSet) -> list[tuple[str, ...]]:
    """Group the loaded stages that do the same work."""
    groups: dict[str, list[str]] = {}
    for stage in stages.loaded:
        record = family.manifest.stages[stage]
        name = stage_name(stage)
        kind = name.alike if name.is_block else name
        groups.setdefault(f"{kind} {record.inputs} {record.outputs}", []).append(stage)
    return [tuple(group) for group in groups.values()]


def _rounds(
    family: Family, groups: list[tuple[str, ...]], max_batch: int
) -> Iterator[Iterator[tuple[int, int, int]]]:
    most = [largest_batch(family, group[0], max_batch) for group in groups]
    ends = [tuple(dict.fromkeys((1, last))) for last in most]
    sizes = family.manifest.buckets.batches
    between = [[size for size in sizes if 1 < size < last] for last in most]
    buckets = [buckets_of(family, group[0]) for group in groups]
    every = range(len(groups))
    yield ((group, buckets[group][-1], b) for group in every for b in ends[group])
    yield ((group, k, b) for group in every for k in buckets[group][:-1] for b in ends[group])
    yield ((group, k, b) for group in every for k in buckets[group] for b in between[group])


def _measure(
    family: Family, stages: StageSet, group: tuple[str, ...], bucket: int, batch: int
) -> float:
    """Return mean seconds of one call, after one call to warm up."""
    inputs, into = stage_call(family.manifest, stages.memory, group[0], bucket, batch)
    stages.run(group[0], inputs, into)
    start_s = time.perf_counter()
    for repeat in range(1, _REPEATS + 1):
        stages.run(group[repeat % len(group)], inputs, into)
        elapsed_s = time.perf_counter() - start_s
        if elapsed_s > _ENOUGH_S and repeat > 1:
            break
    return elapsed_s / repeat
