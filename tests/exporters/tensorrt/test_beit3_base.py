"""A model of the paper's size: every stage and whole variant of beit3_base becomes a plan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artifact.config import Precision
from artifact.stage import StageName
from artifact.store import Artifact, open_artifact
from exporters.tensorrt.build import BuildOptions, build_plans
from exporters.tensorrt.library import PlanBuilder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
VARIABLE = "OTMV_TEST_BASE_ARTIFACT"
KERNELS_BYTES = 5_000_000
"""Kernels of one block; its weights are 38 MB, of two modalities merged into one block."""


@pytest.fixture(scope="module")
def base() -> Artifact:
    """An artifact of beit3_base at 224 px; too large to export in a test."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} names no artifact; make one: otmv export --random beit3_base")
    found = open_artifact(folder)
    assert (found.manifest.config.width, found.manifest.config.image_size) == (768, 224)
    return found


def blocks_of(artifact: Artifact, stage: str) -> int:
    """Return how many blocks a stage executes: one, or those of a whole variant."""
    name = StageName(stage)
    if not name.is_whole:
        return int(name.is_block)
    return next(len(v.pattern) for v in artifact.manifest.variants if v.id == name.variant)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_stage_and_whole_variant_is_built(
    base: Artifact, rtx: PlanBuilder, tmp_path: Path, precision: Precision
) -> None:
    stages = tuple(base.manifest.stages)
    options = BuildOptions(arch="sm_89", precision=precision, max_batch=8, cache_dir=tmp_path)
    done = {one.stage: one.record for one in build_plans(base, rtx, stages, options)}
    assert tuple(done) == stages
    tensors = base.tensor_bytes()
    share = 1.0 if precision == "fp32" else 0.5
    for stage, record in done.items():
        weights = sum(tensors[name] for name in base.manifest.stages[stage].initializers)
        assert record.size_bytes > 0.9 * share * weights, stage
        assert record.size_bytes < 1.01 * weights + KERNELS_BYTES * (1 + blocks_of(base, stage)), (
            f"{stage}: weights are in it twice, if not its kernels have grown"
        )
