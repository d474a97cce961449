"""What is done to a graph before TensorRT reads it changes no number, and nothing is forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from artifact.golden import read_stage_cases
from artifact.manifest import WEIGHTS_NAME
from artifact.store import Artifact
from exporters.tensorrt.graphs import ContentDigests, plan_tensors, prepare
from tests.exporters.tensorrt.conftest import DEMO, session_of

STAGES = ("stem[vqa]", "block[0]", "block_decode[1]", "head[reason]")


@pytest.mark.parametrize("stage", STAGES)
def test_a_prepared_fp32_graph_computes_the_same(
    demo: Artifact, tmp_path: Path, stage: str
) -> None:
    path = demo.path(demo.manifest.stages[stage].file)
    prepared = prepare(path, "fp32", tmp_path)
    assert demo.manifest.golden is not None
    cases = read_stage_cases(demo.path(demo.manifest.golden.stages))
    case = next(case for case in cases if case.stage == stage)
    sessions = [session_of(one) for one in (path, prepared)]
    first, second = (session.run(None, dict(case.inputs)) for session in sessions)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_pictures_are_converted_before_anything_else(demo: Artifact, tmp_path: Path) -> None:
    prepared = prepare(demo.path(demo.manifest.stages["stem[vqa]"].file), "fp32", tmp_path)
    graph = onnx.load(prepared, load_external_data=False).graph
    readers = [node.op_type for node in graph.node if "pixels" in node.input]
    assert readers == ["Cast"]


def test_bindings_are_the_manifests(demo: Artifact, tmp_path: Path) -> None:
    for number, (stage, record) in enumerate(demo.manifest.stages.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        inputs, outputs = plan_tensors(prepare(demo.path(record.file), "bf16", folder))
        for found, expected in ((inputs, record.inputs), (outputs, record.outputs)):
            assert {n: (t.dtype, t.shape) for n, t in found.items()} == {
                n: (t.dtype, t.shape) for n, t in expected.items()
            }, stage


def test_the_digest_follows_the_weights_and_not_their_place(tmp_path: Path) -> None:
    for name in ("head.vqa.onnx", WEIGHTS_NAME):
        shutil.copy(DEMO / name, tmp_path)
    path, weights = tmp_path / "head.vqa.onnx", tmp_path / WEIGHTS_NAME
    before = ContentDigests().of(path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "offset":
                entry.value = str(int(entry.value) + 16)
    onnx.save(model, path)
    assert ContentDigests().of(path) != before
    weights.write_bytes(bytes(16) + weights.read_bytes())
    assert ContentDigests().of(path) == before


def test_the_digest_leaves_other_stages_alone(
    changed: Callable[[str, Callable[[Path], object]], Artifact], demo: Artifact
) -> None:
    place = _place(demo, "block.1.onnx", "block.0.onnx")

    def flip(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[place] ^= 1
        path.write_bytes(raw)

    other = changed(WEIGHTS_NAME, flip)
    digests, new = ContentDigests(), ContentDigests()
    same = {
        file: digests.of(demo.path(file)) == new.of(other.path(file))
        for file in ("block.0.onnx", "block.1.onnx", "head.vqa.onnx")
    }
    assert same == {"block.0.onnx": True, "block.1.onnx": False, "head.vqa.onnx": True}


def _place(demo: Artifact, of: str, not_of: str) -> int:
    """Return where a weight lies that one stage reads and another does not."""
    spans = []
    for file in (of, not_of):
        graph = onnx.load(demo.path(file), load_external_data=False).graph
        entries = [{e.key: e.value for e in t.external_data} for t in graph.initializer]
        spans.append({int(entry["offset"]) for entry in entries if entry})
    return max(spans[0] - spans[1])
