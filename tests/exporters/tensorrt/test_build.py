"""Every stage of the shipped artifact becomes a plan, and only what has changed is built again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest

from artifact.config import Precision
from artifact.errors import PlanTruncated, PlanWrongArch
from artifact.manifest import WEIGHTS_NAME
from artifact.plan import PlanTarget, find_plan
from artifact.stage import StageName
from artifact.store import Artifact
from exporters.tensorrt.build import BuildOptions, StagePlan, build_plans, chosen_stages
from exporters.tensorrt.errors import ArchUnsupported, UnknownStages
from exporters.tensorrt.library import PlanBuilder

SMALL = ("head[vqa]", "stem[decode]", "block[1]")
Changed = Callable[[str, Callable[[Path], object]], Artifact]


def options(cache: Path, **changes: object) -> BuildOptions:
    fields = {"arch": "sm_89", "precision": "fp32", "max_batch": 8, "cache_dir": cache}
    return BuildOptions(**(fields | changes))  # type: ignore[arg-type]


def outcomes(done: Sequence[StagePlan]) -> dict[str, str]:
    return {one.stage: one.outcome for one in done}


@pytest.fixture(scope="module")
def built(
    demo: Artifact, rtx: PlanBuilder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[StagePlan]]:
    """A cache with the plans of `SMALL`; tests work on copies of it."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, build_plans(demo, rtx, SMALL, options(cache))


@pytest.fixture
def cache(built: tuple[Path, list[StagePlan]], tmp_path: Path) -> Path:
    return shutil.copytree(built[0], tmp_path / "cache")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_every_stage_and_whole_variant_of_the_demo_is_built(
    demo: Artifact, rtx: PlanBuilder, tmp_path: Path, precision: Precision
) -> None:
    stages, seen = chosen_stages(demo, ["all"]), []
    wanted = stages if precision == "fp32" else [s for s in stages if not StageName(s).is_whole]
    arch = "sm_120" if precision == "bf16" else "sm_89"
    done = build_plans(
        demo,
        rtx,
        wanted,
        options(tmp_path, precision=precision, arch=arch),
        lambda what, share: seen.append((what, share)),
    )
    assert outcomes(done) == dict.fromkeys(wanted, "built")
    assert [what for what, _ in seen] == [*wanted, "done"]
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    target = PlanTarget(library="tensorrt-rtx", version=rtx.version, arch=arch, precision=precision)
    for stage in wanted:
        plan = find_plan(tmp_path, demo, stage, target)
        assert len(plan.read()) == plan.record.size_bytes > 1000
        spec = demo.manifest.stages[stage]
        assert {n: t.dtype for n, t in plan.record.inputs.items()} == {
            n: t.dtype for n, t in spec.inputs.items()
        }
    assert not list(tmp_path.rglob(".build-*"))


def test_what_is_there_is_kept(demo: Artifact, rtx: PlanBuilder, cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.plan")}
    done = build_plans(demo, rtx, SMALL, options(cache))
    assert outcomes(done) == dict.fromkeys(SMALL, "kept")
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.plan")} == before


def test_a_changed_stage_alone_is_built_again(
    demo: Artifact, rtx: PlanBuilder, cache: Path, changed: Changed
) -> None:
    def widen(path: Path) -> None:
        model = onnx.load(path, load_external_data=False)
        norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
        next(a for a in norm.attribute if a.name == "epsilon").f = 1e-3
        onnx.save(model, path)

    other = changed("head.vqa.onnx", widen)
    done = build_plans(other, rtx, SMALL, options(cache))
    assert outcomes(done) == {"head[vqa]": "built", "stem[decode]": "shared", "block[1]": "shared"}
    for one in done:
        assert one.record.artifact == other.hash
        assert find_plan(cache, other, one.stage, one.record.target).read()
    assert outcomes(build_plans(other, rtx, SMALL, options(cache))) == dict.fromkeys(SMALL, "kept")
    assert outcomes(build_plans(demo, rtx, SMALL, options(cache))) == dict.fromkeys(SMALL, "kept")


def test_a_changed_weight_builds_the_stages_that_read_it(
    demo: Artifact, rtx: PlanBuilder, cache: Path, changed: Changed
) -> None:
    graph = onnx.load(demo.path("head.vqa.onnx"), load_external_data=False).graph
    weight = next(tensor for tensor in graph.initializer if tensor.name == "owner.answers.weight")
    offset = next(int(e.value) for e in weight.external_data if e.key == "offset")

    def flip(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[offset] ^= 1
        path.write_bytes(raw)

    done = build_plans(changed(WEIGHTS_NAME, flip), rtx, SMALL, options(cache))
    assert outcomes(done) == {"head[vqa]": "built", "stem[decode]": "shared", "block[1]": "shared"}


def test_a_truncated_plan_is_refused_and_built_again(
    demo: Artifact, rtx: PlanBuilder, cache: Path, built: tuple[Path, list[StagePlan]]
) -> None:
    record = built[1][0].record
    plan = find_plan(cache, demo, "head[vqa]", record.target)
    plan.path.write_bytes(plan.path.read_bytes()[:-100])
    with pytest.raises(PlanTruncated, match="otmv build"):
        find_plan(cache, demo, "head[vqa]", record.target).read()
    done = build_plans(demo, rtx, SMALL, options(cache))
    assert outcomes(done) == {"head[vqa]": "built", "stem[decode]": "kept", "block[1]": "kept"}
    assert find_plan(cache, demo, "head[vqa]", record.target).read()


@pytest.mark.parametrize(
    "change", [{"max_batch": 4}, {"workspace_bytes": 1 << 28}, {"precision": "fp16"}]
)
def test_other_options_are_other_plans(
    demo: Artifact, rtx: PlanBuilder, cache: Path, change: dict[str, object]
) -> None:
    done = build_plans(demo, rtx, ["stem[decode]"], options(cache, **change))
    assert outcomes(done) == {"stem[decode]": "built"}


def test_plans_for_another_gpu_are_named(
    demo: Artifact, cache: Path, built: tuple[Path, list[StagePlan]]
) -> None:
    here = built[1][0].record.target.model_copy(update={"arch": "sm_120"})
    with pytest.raises(PlanWrongArch, match="a plan for sm_89, this GPU is sm_120"):
        find_plan(cache, demo, "head[vqa]", here)


def test_stages_by_name(demo: Artifact) -> None:
    assert chosen_stages(demo, ["all"]) == tuple(demo.manifest.stages)
    served = chosen_stages(demo, ["served"])
    assert not any(StageName(stage).is_whole for stage in served)
    assert set(served) == {s for s in demo.manifest.stages if not StageName(s).is_whole}
    assert chosen_stages(demo, ["block[1]", "block[0]"]) == ("block[0]", "block[1]")
    with pytest.raises(UnknownStages, match=r"no stage block\[9\]; there are stem"):
        chosen_stages(demo, ["block[9]"])


def test_a_gpu_it_cannot_build_for_leaves_the_cache_alone(
    demo: Artifact, rtx: PlanBuilder, tmp_path: Path
) -> None:
    with pytest.raises(ArchUnsupported):
        build_plans(demo, rtx, SMALL, options(tmp_path / "none", arch="sm_20"))
    assert not (tmp_path / "none").exists()
