"""Builds the plans of an artifact's stages, except those that exist already."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from artifact.atomic import write_atomically
from artifact.config import Precision
from artifact.plan import OptimizationProfile, PlanRecord, PlanTarget, plan_path, write_plan
from artifact.store import Artifact
from engine.residency.family import Family
from exporters.tensorrt.errors import ArchUnsupported, UnknownStages
from exporters.tensorrt.existing_plans import find_current, share_from_another
from exporters.tensorrt.graphs import REWRITE, ContentDigests, plan_tensors, prepare
from exporters.tensorrt.library import BuildJob, PlanBuilder
from exporters.tensorrt.shapes import optimization_profiles

Report = Callable[[str, float], None]
"""Takes the stage in work, and the share of all stages that is done, 0 to 1."""

PlanOrigin = Literal["kept", "shared", "built"]
"""Where a plan comes from: an earlier build, another artifact with the same stage, this build."""


@dataclass(frozen=True)
class BuildOptions:
    """How to build plans.

    Attributes:
        arch: the GPU, as `sm_89` or `portable`.
        precision: what products are computed in.
        max_batch: most rows of a call.
        cache_dir: the cache folder plans are written to.
        workspace_bytes: GPU memory a kernel may use beside weights and activations.
    """

    arch: str
    precision: Precision
    max_batch: int
    cache_dir: Path
    workspace_bytes: int = 1 << 30


@dataclass(frozen=True)
class StagePlan:
    """A stage's plan after a build: its file, where it comes from, and its record."""

    stage: str
    path: Path
    outcome: PlanOrigin
    record: PlanRecord


def chosen_stages(artifact: Artifact, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the names of stages to build.

    Args:
        artifact: whose stages.
        wanted: names, or only `all` (the manifest's) or only `served` (those the engine loads).

    Raises:
        UnknownStages: the artifact has no such stage.
    """
    known = tuple(artifact.manifest.stages)
    if tuple(wanted) == ("all",):
        return known
    if tuple(wanted) == ("served",):
        return Family(artifact.manifest, "fp32").stages
    if missing := [stage for stage in wanted if stage not in known]:
        raise UnknownStages(missing, known)
    return tuple(stage for stage in known if stage in wanted)


def build_plans(
    artifact: Artifact,
    library: PlanBuilder,
    stages: Sequence[str],
    options: BuildOptions,
    report: Report = lambda what, share: None,
) -> list[StagePlan]:
    """Make sure that each stage has a plan; build only those whose source has changed.

    Args:
        artifact: read only.
        library: what builds.
        stages: by name.
        options: how.
        report: progress.

    Raises:
        BuildError: see `exporters.tensorrt.errors`; plans built before it stay.
        OSError: the cache folder cannot be written.
    """
    if options.arch not in library.archs:
        raise ArchUnsupported(library.name, options.arch, library.archs)
    run = _SharedParts(artifact, library, options)
    done = []
    for number, stage in enumerate(stages):
        report(stage, number / len(stages))
        done.append(run.stage(stage))
    report("done", 1.0)
    return done


class _SharedParts:
    """What the stages of one run share."""

    def __init__(self, artifact: Artifact, library: PlanBuilder, options: BuildOptions) -> None:
        self._artifact = artifact
        self._library = library
        self._options = options
        self._digests = ContentDigests()
        self._target = PlanTarget(
            library=library.name,
            version=library.version,
            arch=options.arch,
            precision=options.precision,
        )
        name = f"{library.name}-{library.version}-{options.arch}.timing"
        self._timing = options.cache_dir / "plans" / name

    def stage(self, stage: str) -> StagePlan:
        """Keep, share or build one plan."""
        profiles, source = self._plan_of(stage)
        where = (self._options.cache_dir, self._artifact, stage, self._target)
        if (kept := find_current(*where, source)) is not None:
            return StagePlan(stage, kept.path, "kept", kept.record)
        if (shared := share_from_another(*where, source)) is not None:
            return StagePlan(stage, shared.path, "shared", shared.record)
        path = plan_path(*where)
        return StagePlan(stage, path, "built", self._build(stage, path, profiles, source))

    def _plan_of(self, stage: str) -> tuple[tuple[OptimizationProfile, ...], str]:
        """Return the optimization profiles, and the digest of all that decides the plan."""
        manifest, options = self._artifact.manifest, self._options
        record = manifest.stages[stage]
        shapes = [tensor.shape for tensor in record.inputs.values()]
        profiles = optimization_profiles(stage, shapes, manifest, options.max_batch)
        facts = {
            "content": self._digests.of(self._artifact.path(record.file)),
            "rewrite": REWRITE,
            "target": self._target.model_dump(),
            "profiles": [profile.model_dump() for profile in profiles],
            "workspace_bytes": options.workspace_bytes,
        }
        return profiles, hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _build(
        self, stage: str, path: Path, profiles: tuple[OptimizationProfile, ...], source: str
    ) -> PlanRecord:
        file = self._artifact.manifest.stages[stage].file
        timing = self._timing.read_bytes() if self._timing.is_file() else b""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as folder:
            graph = prepare(self._artifact.path(file), self._options.precision, Path(folder))
            inputs, outputs = plan_tensors(graph)
            workspace = self._options.workspace_bytes
            job = BuildJob(stage, graph, inputs, profiles, self._options.arch, workspace, timing)
            started = time.perf_counter()
            built = self._library.build(job)
            build_s = time.perf_counter() - started
        if built.timing and built.timing != timing:
            write_atomically(self._timing, built.timing)
        record = PlanRecord(
            stage=stage,
            artifact=self._artifact.hash,
            graph_sha256=self._artifact.manifest.files[file].sha256,
            source=source,
            target=self._target,
            inputs=inputs,
            outputs=outputs,
            profiles=profiles,
            sha256=hashlib.sha256(built.plan).hexdigest(),
            size_bytes=len(built.plan),
            build_s=round(build_s, 3),
            toolchain=_toolchain(),
        )
        write_plan(path, built.plan, record)
        return record


def _toolchain() -> dict[str, str]:
    packages = {name: version(name) for name in ("otmv-serve", "onnx", "numpy")}
    return packages | {"platform": f"{platform.system()} {platform.machine()}"}
