"""Opening a gallery on real ONNX Runtime: checked, measured, and as much of it as memory holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from artifact.latency.profile import LatencyProfile
from artifact.store import Artifact
from engine.backends.registry import open_backend
from engine.clock import SystemClock
from engine.config import EngineConfig
from engine.errors import NoVariantFits, ParityFailed
from engine.opening.golden import check_parity
from engine.opening.latency import measure_profile, still_true
from engine.pool import EnginePool
from engine.residency.family import Family
from engine.residency.probe import buckets_of, stage_inputs
from engine.residency.stages import StageSet
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.artifacts.whole_graphs import whole_names
from tests.engine.artifacts.whole_model import VARIANTS, WholeCaptioner
from tests.engine.pools import inside

MAX_BATCH = 6


def loaded(gallery: Artifact, max_batch: int = MAX_BATCH) -> tuple[Family, StageSet]:
    family = Family(gallery.manifest, "fp32")
    stages = StageSet(gallery, open_backend("onnxruntime"), family, max_batch)
    stages.load(lambda what, share: None)
    return family, stages


def test_it_opens_checked_and_answers_every_task(gallery: Artifact, tmp_path: Path) -> None:
    config = EngineConfig(cache_dir=tmp_path, max_batch=MAX_BATCH)
    pool = EnginePool.open(gallery, config)
    now_s = SystemClock().now_s
    for variant in VARIANTS:
        asked = {
            "vqa": VqaInput(picture(1), "what colour"),
            "reason": ReasonInput((picture(1), picture(2)), "what colour"),
            "caption": CaptionInput(picture(1)),
        }
        for task, made in asked.items():
            request = pool.admit(task, Budget(variant=variant), now_s())  # type: ignore[arg-type]
            answer = pool.submit(request, made).result(20)  # type: ignore[arg-type]
            assert (answer.task, answer.variant) == (task, variant)
        words = WholeCaptioner(variant, picture(1)).text(1, 6)
        assert answer.text == gallery.text_codec().decode(words)
    pool.close()
    assert len(list((tmp_path / "latency").glob("*.json"))) == 1


def test_every_stage_is_measured_at_the_shapes_it_is_run_at(
    gallery: Artifact, tmp_path: Path
) -> None:
    family, stages = loaded(gallery)
    sizes: dict[str, set[int]] = {}
    run = stages.run

    def watched(
        stage: str, inputs: Mapping[str, Array], into: Mapping[str, Array]
    ) -> dict[str, Array]:
        sizes.setdefault(stage, set()).add(len(next(iter(inputs.values()))))
        return run(stage, inputs, into)

    stages.run = watched  # type: ignore[method-assign, assignment]
    config = EngineConfig(cache_dir=tmp_path, max_batch=MAX_BATCH)
    backend = open_backend("onnxruntime")
    profile = measure_profile(gallery, backend, family, stages, config, lambda what, share: None)
    assert set(profile.curves) == set(whole_names())
    for stage, by_bucket in profile.curves.items():
        assert tuple(sorted(by_bucket)) == buckets_of(family, stage)
        assert max(sizes[stage]) == (3 if "reason" in stage else MAX_BATCH)
    assert buckets_of(family, "whole_decode[caption:slim]") == (12,)
    assert buckets_of(family, "whole[reason:slim]") == (4, 8)


def test_a_profile_of_a_busy_machine_is_not_believed(gallery: Artifact) -> None:
    family, stages = loaded(gallery)
    slow = {stage: {0: ((1, 10.0),)} for stage in family.stages}
    assert not still_true(LatencyProfile("slow", slow), family, stages)
    near = {stage: {0: ((1, 5e-4),)} for stage in family.stages}
    assert still_true(LatencyProfile("near", near), family, stages)
    assert still_true(
        LatencyProfile("others", {"whole[vqa:gone]": {0: ((1, 9.0),)}}), family, stages
    )


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("whole[reason:d2]", "logits"),
        ("whole_image[caption:slim]", "v.3"),
        ("whole_decode[caption:slim]", "k_new.1"),
    ],
)
def test_a_stage_that_computes_something_else_is_found(
    gallery: Artifact, stage: str, name: str
) -> None:
    _, stages = loaded(gallery, 1)
    assert set(check_parity(gallery, stages, "fp32")) == set(whole_names())
    run = stages.run

    def wrong(called: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        outputs = run(called, inputs)
        return outputs | ({name: outputs[name] + 1} if called == stage else {})

    stages.run = wrong  # type: ignore[method-assign, assignment]
    with pytest.raises(ParityFailed) as failed:
        check_parity(gallery, stages, "fp32")
    assert stage in str(failed.value)


def test_inputs_for_warming_are_of_the_records_shapes(gallery: Artifact) -> None:
    manifest = gallery.manifest
    inputs = stage_inputs(manifest, "whole[reason:full]", 8, 3)
    assert inputs["pixels"].shape == (3, 2, 4, 4, 3)
    assert inputs["mask"].shape == (3, 13)
    inputs = stage_inputs(manifest, "whole_decode[caption:slim]", 12, 2)
    assert inputs["k.1"].shape == inputs["v.1"].shape == (2, 1, 12, 3)
    assert inputs["mask"].all()
    assert np.isfinite(inputs["k.1"]).all()


def test_a_budget_holds_the_variants_of_the_first_keys(gallery: Artifact, tmp_path: Path) -> None:
    """`d2` needs the first key only; it takes all of the gallery's requests when others must go."""
    pool = EnginePool.open(gallery, EngineConfig(cache_dir=tmp_path, max_batch=2))
    pool.set_memory_budget(inside.stages(pool).total_bytes(1))
    assert {o.variant for o in pool.offers("caption") if o.resident} == {"d2"}
    now_s = SystemClock().now_s
    request = pool.admit("caption", Budget(), now_s())
    assert pool.submit(request, CaptionInput(picture(0))).result(20).variant == "d2"
    with pytest.raises(NoVariantFits, match="variant slim"):
        pool.admit("caption", Budget(variant="slim"), now_s())
    assert not any(stage.endswith(":slim]") for stage in inside.stages(pool).loaded)
    pool.set_memory_budget(None)
    request = pool.admit("caption", Budget(variant="slim"), now_s())
    words = WholeCaptioner("slim", picture(0)).text(1, 6)
    answer = pool.submit(request, CaptionInput(picture(0))).result(20)
    assert answer.text == gallery.text_codec().decode(words)
    pool.close()


def test_memory_is_that_of_the_stages_and_of_the_requests_own(gallery: Artifact) -> None:
    family, stages = loaded(gallery)
    for member in family.members.values():
        shared = dataclasses.replace(member, request_bytes=0)
        own = stages.variant_bytes(member) - stages.variant_bytes(shared)
        assert own == member.request_bytes > 0
        assert stages.variant_bytes(shared) >= stages.workspace_bytes
