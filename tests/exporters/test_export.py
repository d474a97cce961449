"""The artifact an exporter writes: parity of every graph, weights once, composed = monolithic."""

from __future__ import annotations

import dataclasses
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file

from artifact.golden import read_labelled_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME, writer_of
from artifact.pattern import SkipPattern
from artifact.program import whole_stage
from artifact.store import Artifact, open_artifact
from engine.backends.registry import open_backend
from engine.solo import Solo
from exporters import parity
from exporters.examples import Example, Questions, Statements
from exporters.stages import Stage, cut
from exporters.wholes import whole
from models.checkpoint import Checkpoint
from models.series import OtmvModel

SIZES = (
    {"B": 1, "L": 5, "N": 22, "T": 18},
    {"B": 4, "L": 13, "N": 30, "T": 29},
    {"B": 7, "L": 24, "N": 41, "T": 40},
)
"""Rows, text, tokens (17 of them the picture's) and cache lengths no graph was traced with."""


def stages_of(checkpoint: Checkpoint, artifact: Artifact) -> dict[str, Stage]:
    model = checkpoint.model
    stages = {stage.name: stage for stage in cut(model)}
    for variant in artifact.manifest.variants:
        pattern = SkipPattern(variant.pattern, model.config.orders)
        stages |= {stage.name: stage for stage in whole(model, "vqa", variant.id, pattern)}
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


def test_manifest_names_the_release_that_wrote_it(exported: Artifact) -> None:
    assert exported.manifest.toolchain["otmv-serve"] == version("otmv-serve")
    assert writer_of(exported.manifest.model_dump()) == version("otmv-serve")


def test_no_graph_names_a_source_file(exported: Artifact) -> None:
    for stage in exported.manifest.stages.values():
        assert b".py" not in exported.path(stage.file).read_bytes()


def test_each_tensor_is_stored_once(checkpoint: Checkpoint, exported: Artifact) -> None:
    tensors = load_file(exported.path(WEIGHTS_NAME))
    seen: set[bytes] = set()
    for array in tensors.values():
        forms = {array.tobytes(), np.ascontiguousarray(array.T).tobytes()}
        assert not forms & seen
        seen |= forms
    model_bytes = sum(p.numel() * 4 for p in checkpoint.model.parameters())
    assert sum(array.nbytes for array in tensors.values()) <= 1.02 * model_bytes
    for record in exported.manifest.stages.values():
        graph = onnx.load(str(exported.path(record.file)), load_external_data=False).graph
        for initializer in graph.initializer:
            where = {entry.key: entry.value for entry in initializer.external_data}
            assert where.get("location", WEIGHTS_NAME) == WEIGHTS_NAME
            assert where or len(initializer.raw_data) <= 1024
        assert set(record.initializers) <= set(tensors)


def test_composed_equals_monolithic_equals_torch(
    checkpoint: Checkpoint, exported: Artifact, asked: Questions
) -> None:
    solo = Solo.open(exported, max_batch=5)
    backend = open_backend("onnxruntime")
    tokens = [row[row != 1].tolist() for row in asked.tokens]
    image = torch.ones(len(tokens), checkpoint.model.config.image_tokens, dtype=torch.bool)
    for variant in exported.manifest.variants:
        name = whole_stage(variant.id)
        record = exported.manifest.stages[name]
        monolithic = backend.load(name, exported.path(record.file), record).run(
            {
                "pixels": asked.pixels.numpy(),
                "tokens": asked.tokens.numpy(),
                "mask": torch.cat([image, asked.mask], 1).numpy(),
            }
        )["logits"]
        composed = solo.vqa_logits(variant.id, list(asked.pixels.numpy()), tokens)
        with torch.inference_mode():
            reference = checkpoint.model.vqa(
                asked.pixels, asked.tokens, asked.mask, variant.pattern
            )
        assert relative_l2(composed, monolithic) <= 1e-5
        assert relative_l2(composed, reference.numpy()) <= 1e-5


def test_statements_equal_torch(
    checkpoint: Checkpoint, exported: Artifact, judged: Statements
) -> None:
    solo = Solo.open(exported, max_batch=5)
    tokens = [row[row != 1].tolist() for row in judged.tokens]
    pairs = [(left, right) for left, right in judged.pixels.numpy()]
    for variant in exported.manifest.variants:
        composed = solo.reason_logits(variant.id, pairs, tokens)
        with torch.inference_mode():
            reference = checkpoint.model.reason(
                judged.pixels, judged.tokens, judged.mask, variant.pattern
            )
        assert relative_l2(composed, reference.numpy()) <= 1e-5


def test_captions_equal_torch(checkpoint: Checkpoint, exported: Artifact, asked: Questions) -> None:
    solo = Solo.open(exported, max_batch=3)
    pictures = asked.pixels[::6]
    for variant in exported.manifest.variants:
        written = solo.captions(variant.id, list(pictures.numpy()), max_new_tokens=9)
        reference = checkpoint.model.generate(pictures, checkpoint.special, variant.pattern, 9)
        for words, row in zip(written, reference.tolist(), strict=True):
            ended = row.index(checkpoint.special.eos) if checkpoint.special.eos in row else 9
            assert words == row[:ended]


def test_a_row_alone_equals_the_row_in_company(exported: Artifact, asked: Questions) -> None:
    """Rows of different lengths and orders share batches; nobody's answer may move."""
    tokens = [row[row != 1].tolist() for row in asked.tokens]
    pixels = list(asked.pixels.numpy())
    alone = Solo.open(exported, max_batch=1)
    company = Solo.open(exported, max_batch=16)
    for variant in exported.manifest.variants:
        one = alone.vqa_logits(variant.id, pixels[:12], tokens[:12])
        many = company.vqa_logits(variant.id, pixels, tokens)[:12]
        assert relative_l2(one, many) <= 1e-5


def test_quality_and_golden_cases_are_recorded(exported: Artifact, examples: list[Example]) -> None:
    manifest = exported.manifest
    assert manifest.golden is not None
    assert manifest.golden.count == len(examples)
    for variant in manifest.variants:
        assert variant.quality_source == (
            "measured: report, 60 vqa examples, 10 caption examples, 18 reason examples"
        )
        for task in manifest.tasks:
            value = variant.quality[task]["fp32"]
            assert value is not None
            assert 0.0 <= value <= 1.0
            assert manifest.golden.quality[task][variant.id] == pytest.approx(value, abs=1e-4)
    assert open_artifact(exported.root).hash == exported.hash


def test_golden_statements_name_both_pictures(exported: Artifact, examples: list[Example]) -> None:
    assert exported.manifest.golden is not None
    assert exported.manifest.golden.cases is not None
    cases = read_labelled_cases(exported.path(exported.manifest.golden.cases))
    for case, example in zip(cases, examples, strict=True):
        assert (case.task, case.statement, case.truth) == (
            example.task,
            example.statement,
            example.truth,
        )
        assert [exported.path(file).read_bytes() for file in case.images] == list(example.images)
        assert set(case.images) <= set(exported.manifest.files)


def test_a_model_of_statements_alone_has_its_own_stages(checkpoint: Checkpoint) -> None:
    config = dataclasses.replace(checkpoint.model.config, tasks=("reason",))
    names = [stage.name for stage in cut(OtmvModel(config).eval())]
    assert names == ["stem[vqa]", "block[0]", "block[1]", "head[reason]"]


@pytest.mark.parametrize("victim", ["block.0.onnx", WEIGHTS_NAME])
def test_a_flipped_byte_is_refused(exported: Artifact, tmp_path: Path, victim: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported.root, copy)
    raw = bytearray((copy / victim).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / victim).write_bytes(raw)
    with pytest.raises(Exception, match=victim):
        open_artifact(copy)
