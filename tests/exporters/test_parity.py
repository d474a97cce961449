"""Parity: every graph computes what the model computes, and a wrong one is noticed."""

from __future__ import annotations

import dataclasses

import pytest

from artifact.pattern import SkipPattern
from artifact.store import Artifact
from exporters import parity
from exporters.stages import UncompiledStage
from exporters.tasks import cut
from exporters.tasks.vqa import EXPORTED_VQA
from models.checkpoint import Checkpoint

SIZES = (
    {"B": 1, "L": 5, "N": 22, "T": 18},
    {"B": 4, "L": 13, "N": 30, "T": 29},
    {"B": 7, "L": 24, "N": 41, "T": 40},
)
"""Rows, text, tokens (17 of them the picture's) and cache lengths no graph was traced with."""


def stages_of(checkpoint: Checkpoint, artifact: Artifact) -> dict[str, UncompiledStage]:
    model = checkpoint.model
    stages = {stage.name: stage for stage in cut(model)}
    for variant in artifact.manifest.variants:
        pattern = SkipPattern(variant.pattern, model.config.orders)
        stages |= {stage.name: stage for stage in EXPORTED_VQA.whole(model, variant.id, pattern)}
    return stages


def test_every_graph_computes_what_the_model_computes(
    checkpoint: Checkpoint, exported: Artifact
) -> None:
    stages = stages_of(checkpoint, exported)
    assert set(stages) == set(exported.manifest.stages)
    cases = [
        case
        for number, stage in enumerate(stages.values())
        for case in parity.reference_cases(stage, SIZES, seed=500 + 10 * number)
    ]
    records = parity.check(exported.root, exported.manifest.stages, cases)
    assert {record.stage for record in records} == set(stages)
    assert max(record.relative_l2 for record in records) <= 1e-5


def test_parity_notices_swapped_inputs(checkpoint: Checkpoint, exported: Artifact) -> None:
    stage = stages_of(checkpoint, exported)["block_decode[1]"]
    (case,) = parity.reference_cases(stage, SIZES[1:2], seed=3)
    swapped = {**case.inputs, "k": case.inputs["v"], "v": case.inputs["k"]}
    with pytest.raises(parity.ParityError, match=r"block_decode\[1\]"):
        parity.check(
            exported.root, exported.manifest.stages, [dataclasses.replace(case, inputs=swapped)]
        )


def test_manifest_holds_a_parity_record_of_every_graph(exported: Artifact) -> None:
    assert {r.stage for r in exported.manifest.parity} == set(exported.manifest.stages)
