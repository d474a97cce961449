"""A new task is exported through the registries alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from artifact.golden import (
    CASES_NAME,
    STAGES_NAME,
    read_labelled_cases,
    read_stage_cases,
    relative_l2,
)
from artifact.pattern import SkipPattern
from artifact.program import composed_programs
from artifact.store import Artifact, open_artifact
from engine.backends.registry import open_backend
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import ExportOptions, export
from exporters.golden import write_golden
from exporters.ladder.search import search
from exporters.quality import QualityCurve
from exporters.sides.card import model_card
from exporters.tasks import cut
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tests.toy_task.exported import EXPORTED_SIZE, size_example
from tests.toy_task.registered import add_size_task
from tests.toy_task.task import PROMPT, SIZE
from tuning.world.dataset import read_captions, write_world

SHARED = ["stem[vqa]", "block[0]", "block[1]"]
FULL = SkipPattern.full(4)


@pytest.fixture
def made(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """A random model of the toy task alone."""
    add_size_task(monkeypatch)
    torch.manual_seed(12)
    config = dataclasses.replace(checkpoint.model.config, tasks=(SIZE.name,))
    return dataclasses.replace(checkpoint, model=OtmvModel(config).eval())


@pytest.fixture
def sizes(tmp_path: Path) -> list[Example]:
    world = tmp_path / "world"
    write_world(world, 8, 99)
    return [
        size_example((world / row.image).read_bytes(), len(row.objects))
        for row in read_captions(world)
    ]


@pytest.fixture
def artifact(made: Checkpoint, tmp_path: Path) -> Artifact:
    curve = QualityCurve(label="for tests", by_depth={SIZE.name: {2: 0.5, 4: 0.9}})
    options = ExportOptions(curve=curve, depths=(2, 4), card=model_card(made))
    out = tmp_path / "artifact"
    export(made, out, None, options, lambda what, share: None)
    return open_artifact(out)


def test_its_artifact_holds_its_stages_costs_and_quality(
    made: Checkpoint, artifact: Artifact
) -> None:
    manifest = artifact.manifest
    assert manifest.tasks == (SIZE.name,)
    assert list(manifest.stages) == [*SHARED, "head[size]"]
    assert manifest.stages["head[size]"].outputs["logits"].shape == ("B", 3)
    assert artifact.labels_of(SIZE) == ("small", "medium", "large")
    shallow, full = manifest.variants
    assert [v.quality_of(SIZE.name, "fp32") for v in (shallow, full)] == [0.5, 0.9]
    assert 0 < shallow.flops[SIZE.name] < full.flops[SIZE.name]
    golden = read_stage_cases(artifact.path(STAGES_NAME))
    assert {case.stage for case in golden} == set(manifest.stages)
    assert SIZE.about in artifact.path("MODEL_CARD.md").read_text()


def test_beside_other_tasks_it_adds_a_head(made: Checkpoint) -> None:
    config = dataclasses.replace(made.model.config, tasks=("vqa", SIZE.name))
    names = [stage.name for stage in cut(OtmvModel(config).eval())]
    assert names == [*SHARED, "head[vqa]", "head[size]"]


def test_its_stages_in_turn_give_the_logits_of_the_model(
    made: Checkpoint, artifact: Artifact, sizes: list[Example]
) -> None:
    asked = EXPORTED_SIZE.requests(made, text_record(made), sizes)
    backend, config = open_backend("onnxruntime"), artifact.manifest.config

    def run(stage: str, **inputs: Any) -> Mapping[str, Any]:
        record = artifact.manifest.stages[stage]
        return backend.load(stage, artifact.path(record.file), record).run(inputs)

    (program,) = composed_programs(SIZE, config, FULL)
    stem, *blocks, head = program.steps
    mask = np.pad(asked.mask.numpy(), ((0, 0), (config.image_tokens, 0)), constant_values=True)
    h = run(stem.stage, pixels=asked.pixels.numpy(), tokens=asked.tokens.numpy())["h"]
    y = np.zeros((len(sizes), 2, config.width), np.float32)
    for step in blocks:
        found = run(step.stage, h=h, order=np.full(len(sizes), step.order_in_key), mask=mask)
        h, y = found["h_out"], y + found["r"]
    logits = run(head.stage, y=y)["logits"]
    with torch.inference_mode():
        expected = made.model.answer(SIZE, asked.pixels, asked.tokens, asked.mask, FULL.executed)
    assert relative_l2(np.asarray(logits), expected.numpy()) <= 1e-5


def test_its_ladder_is_searched(made: Checkpoint, sizes: list[Example]) -> None:
    rows = EXPORTED_SIZE.search_rows(made, text_record(made), sizes)
    asked = EXPORTED_SIZE.requests(made, text_record(made), sizes)
    found = search(made.model, {SIZE.name: rows})
    with torch.inference_mode():
        logits = made.model.answer(SIZE, asked.pixels, asked.tokens, asked.mask, FULL.executed)
    right = float((logits.argmax(1) == asked.classes).float().mean())
    assert found.quality[FULL] == pytest.approx(right)
    assert len(found.quality) == 8


def test_its_golden_cases_hold_prompt_and_label(
    made: Checkpoint, sizes: list[Example], tmp_path: Path
) -> None:
    write_golden(tmp_path, sizes)
    cases = read_labelled_cases(tmp_path / CASES_NAME)
    assert [(case.task, case.question) for case in cases] == [(SIZE.name, PROMPT)] * len(sizes)
    assert [case.answers for case in cases] == [example.answers for example in sizes]
    assert [(tmp_path / case.image).read_bytes() for case in cases] == [e.image for e in sizes]
