"""What the torch backend makes of a translated graph: fewer calls, the same numbers."""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from artifact.golden import StageCase, read_stage_cases, relative_l2
from artifact.store import Artifact, open_artifact
from engine.backends.registry import open_backend
from tests.engine.artifacts.tiny_model import Array
from tests.engine.backends.torch.onnx_graphs import Node, spec_of, write_graph

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")

import torch
from torch import fx
from torch.nn import functional

from engine.backends.torch.backend import OPERATORS, TorchBackend
from engine.backends.torch.graph import build_graph, make_module
from engine.backends.torch.ops import affine
from engine.backends.torch.rewrite import affine_wide, fuse, linear_wide, narrow
from engine.backends.torch.weights import WeightStore

CPU = torch.device("cpu")
ATTENTION = functional.scaled_dot_product_attention
DEMO = Path(__file__).parents[4] / "examples" / "demo-artifact"


@pytest.fixture(scope="module")
def demo() -> Artifact:
    return open_artifact(DEMO, verify=False)


def graph_of(artifact: Artifact, stage: str) -> tuple[onnx.ModelProto, fx.Graph]:
    path = artifact.path(artifact.manifest.stages[stage].file)
    model = onnx.load(path, load_external_data=False)
    return model, build_graph(model, path.parent, CPU, OPERATORS)


def targets(graph: fx.Graph) -> Counter[Any]:
    return Counter(node.target for node in graph.nodes if node.op == "call_function")


def case_of(artifact: Artifact, stage: str) -> StageCase:
    assert artifact.manifest.golden is not None
    cases = read_stage_cases(artifact.path(artifact.manifest.golden.stages))
    return next(case for case in cases if case.stage == stage)


def outputs(
    graph: fx.Graph, model: onnx.ModelProto, inputs: dict[str, Array]
) -> dict[str, torch.Tensor]:
    module = make_module(graph, WeightStore(CPU))
    with torch.inference_mode():
        found = module.forward(*(torch.from_numpy(inputs[v.name]) for v in model.graph.input))
    return dict(zip([v.name for v in model.graph.output], found, strict=True))


@pytest.mark.parametrize("stage", ["block[0]", "block[1]", "block_image[0]", "block_decode[1]"])
def test_the_demos_attention_becomes_one_call_and_nothing_else_changes(
    demo: Artifact, stage: str
) -> None:
    model, plain = graph_of(demo, stage)
    _, fused = graph_of(demo, stage)
    fuse(fused)
    assert targets(plain)[torch.softmax] == 1
    assert targets(fused)[ATTENTION] == 1
    assert targets(fused)[torch.softmax] == 0
    assert targets(fused)[torch.matmul] == 0
    assert targets(fused)[torch.addcmul] > 0
    inputs = case_of(demo, stage).inputs
    before, after = outputs(plain, model, inputs), outputs(fused, model, inputs)
    for name, tensor in before.items():
        assert relative_l2(after[name].numpy(), tensor.numpy()) <= 2e-6


def test_a_whole_graph_has_one_attention_for_each_block(demo: Artifact) -> None:
    for variant in ("full", "d2"):
        _, graph = graph_of(demo, f"whole[vqa:{variant}]")
        fuse(graph)
        assert targets(graph)[ATTENTION] == len(demo.manifest.pattern(variant).executed)


def attention(change: dict[str, Node] | None = None) -> list[Node]:
    """Return attention as one would write it by hand, with some nodes replaced by others."""
    nodes: dict[str, Node] = {
        "turned": ("Transpose", ["k"], "turned", {"perm": [0, 1, 3, 2]}),
        "scaled": ("Mul", ["q", "half"], "scaled", {}),
        "scores": ("MatMul", ["scaled", "turned"], "scores", {}),
        "biased": ("Add", ["bias", "scores"], "biased", {}),
        "shares": ("Softmax", ["biased"], "shares", {"axis": -1}),
        "mixed": ("MatMul", ["shares", "v"], "mixed", {}),
        "y": ("Tanh", ["mixed"], "y", {}),
    }
    return list((nodes | (change or {})).values())


HEADS: dict[str, list[int | str]] = {
    "q": ["B", 5, 5, 5],
    "k": ["B", 5, 5, 5],
    "v": ["B", 5, 5, 5],
    "bias": ["B", 1, 1, 5],
}
FITS: dict[str, dict[str, Node]] = {
    "as it is": {},
    "without a bias": {
        "biased": ("Tanh", ["bias"], "biased", {}),
        "shares": ("Softmax", ["scores"], "shares", {"axis": -1}),
    },
    "scaled on both sides": {
        "turned": ("Mul", ["flat", "half"], "turned", {}),
        "flat": ("Transpose", ["k"], "flat", {"perm": [0, 1, 3, 2]}),
    },
    "queries from elsewhere": {"scaled": ("Mul", ["q", "v"], "scaled", {})},
}
OTHERS: dict[str, dict[str, Node]] = {
    "softmax over the rows": {"shares": ("Softmax", ["biased"], "shares", {"axis": -2})},
    "shares used twice": {"y": ("Add", ["mixed", "shares"], "y", {})},
    "scores used twice": {"y": ("Add", ["mixed", "scores"], "y", {})},
    "keys not turned": {"turned": ("Mul", ["k", "half"], "turned", {})},
    "turned otherwise": {"turned": ("Transpose", ["k"], "turned", {"perm": [0, 3, 2, 1]})},
    "values on the left": {"mixed": ("MatMul", ["v", "shares"], "mixed", {})},
}


def ordered(nodes: list[Node]) -> list[Node]:
    """Return nodes so that each comes after the ones it reads."""
    done: list[Node] = []
    while nodes:
        names = {output for _, _, output, _ in nodes}
        ready = [node for node in nodes if not names & set(node[1])]
        done, nodes = done + ready, [node for node in nodes if node not in ready]
    return done


@pytest.mark.parametrize("name", [*FITS, *OTHERS])
def test_only_attention_becomes_attention(tmp_path: Path, name: str) -> None:
    """Whatever it is taken for, the numbers are ONNX Runtime's."""
    nodes = ordered(attention(FITS.get(name, OTHERS.get(name))))
    spec, half = spec_of(HEADS, ["y"]), np.array(0.5, np.float32)
    path = write_graph(tmp_path, nodes, spec, {"half": half})
    stage = TorchBackend(device="cpu").load("whole[vqa:d1]", path, spec)
    found = targets(stage.module.graph)  # type: ignore[arg-type]
    assert found[ATTENTION] == (name in FITS)
    rng = np.random.default_rng(0)
    inputs = {n: rng.standard_normal([3, *s[1:]]).astype(np.float32) for n, s in HEADS.items()}
    other = open_backend("onnxruntime").load("whole[vqa:d1]", path, spec)
    assert relative_l2(stage.run(inputs)["y"], other.run(inputs)["y"]) <= 1e-6


def test_products_are_narrow_and_the_rest_is_not(demo: Artifact) -> None:
    _, graph = graph_of(demo, "block[0]")
    fuse(graph)
    narrow(graph, torch.bfloat16)
    weights = {node.target: node.meta for node in graph.nodes if node.op == "get_attr"}
    for node in graph.nodes:
        if node.target is affine:
            assert weights[node.args[1].target]["dtype"] == torch.bfloat16
            assert node.args[0].args[1] == torch.bfloat16
    tables = [meta for meta in weights.values() if meta["source"].shape[0] == 4]
    assert tables
    assert all("dtype" not in meta for meta in tables)


@pytest.mark.parametrize("stage", ["head[vqa]", "head[caption]", "head[reason]"])
def test_logits_are_summed_in_fp32(demo: Artifact, stage: str) -> None:
    """With logits rounded to bf16 many answers would be level."""
    model, graph = graph_of(demo, stage)
    fuse(graph)
    narrow(graph, torch.bfloat16)
    assert targets(graph)[affine_wide] + targets(graph)[linear_wide] == 1
    logits = outputs(graph, model, case_of(demo, stage).inputs)["logits"]
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())


def test_a_graph_takes_no_number_from_the_device(demo: Artifact) -> None:
    """Sizes stay in Python, so that a CUDA graph can hold every stage."""
    for stage in demo.manifest.stages:
        _, graph = graph_of(demo, stage)
        fuse(graph)
        methods = {node.target for node in graph.nodes if node.op == "call_method"}
        assert methods <= {"size", "reshape", "permute", "select", "squeeze", "unsqueeze", "to"}
        sums = [n for n in graph.nodes if n.target in (operator.add, operator.mul)]
        for node in sums:
            of_sizes = [a.target == "size" for a in node.all_input_nodes]
            assert all(of_sizes) or not any(of_sizes)
