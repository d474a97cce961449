"""ONNX operators as the torch backend translates them: ONNX Runtime's numbers, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artifact.golden import relative_l2
from engine.backends.registry import open_backend
from engine.errors import LoadFailed
from tests.engine.backends.torch.onnx_graphs import Node, spec_of, write_graph

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")

from engine.backends.torch.backend import TorchBackend


@pytest.fixture(scope="module")
def backend() -> TorchBackend:
    return TorchBackend(device="cpu")


SMALL: dict[str, list[Node]] = {
    "equal parts": [
        ("Split", ["x"], "a b", {"axis": 2, "num_outputs": 2}),
        ("Sub", ["a", "b"], "y", {}),
    ],
    "parts of sizes": [
        ("Split", ["x", "sizes"], "a b", {"axis": 1}),
        ("Concat", ["b", "a"], "y", {"axis": 1}),
    ],
    "a gate": [("Sigmoid", ["x"], "s", {}), ("Mul", ["s", "x"], "y", {})],
    "sizes in a range": [
        ("Shape", ["x"], "n", {"start": 1, "end": 2}),
        ("Squeeze", ["n"], "m", {}),
        ("Mul", ["m", "two"], "m2", {}),
        ("Range", ["zero", "m2", "two"], "r", {}),
        ("Cast", ["r"], "f", {"to": 1}),
        ("Unsqueeze", ["f", "one"], "u", {}),
        ("Transpose", ["x"], "t", {"perm": [0, 2, 1]}),
        ("Unsqueeze", ["t", "three"], "w", {}),
        ("Add", ["w", "u"], "y", {}),
    ],
    "axes from the end": [
        ("Unsqueeze", ["x", "ends of axes"], "u", {}),
        ("Transpose", ["u"], "t", {"perm": [0, 3, 2, 1, 4]}),
        ("Squeeze", ["t", "ends of axes"], "y", {}),
    ],
    "a table": [("Gather", ["table", "index"], "g", {"axis": 1}), ("MatMul", ["x", "g"], "y", {})],
    "padded and cut": [
        ("Pad", ["x", "pads", "half"], "p", {}),
        ("Slice", ["p", "starts", "ends", "axes", "steps"], "y", {}),
    ],
    "length 1": [
        ("ReduceL2", ["x", "axes"], "n", {"keepdims": 1, "noop_with_empty_axes": 0}),
        ("Clip", ["n", "half"], "c", {}),
        ("Div", ["x", "c"], "y", {}),
    ],
    "between two numbers": [("Clip", ["x", "least", "half"], "y", {})],
    "a product without a bias": [
        ("Gather", ["x", "zero"], "r", {"axis": 1}),
        ("Gemm", ["r", "table"], "p", {}),
        ("Gemm", ["p", "table"], "y", {"transB": 1}),
    ],
    "sums": [
        ("ReduceSum", ["x", "axes"], "a", {"keepdims": 0}),
        ("ReduceMean", ["x", "axes"], "b", {"keepdims": 0}),
        ("Div", ["a", "b"], "y", {}),
    ],
}
CONSTANTS: dict[str, np.ndarray] = {
    "sizes": np.array([1, 4]),
    "zero": np.array(0),
    "two": np.array(2),
    "one": np.array([1]),
    "three": np.array([3]),
    "ends of axes": np.array([-3, -1]),
    "table": np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6),
    "index": np.array([5, 0, 2, 2]),
    "pads": np.array([0, 1, 2, 0, 3, 0]),
    "least": np.array(-0.25, np.float32),
    "half": np.array(0.5, np.float32),
    "starts": np.array([1, -5]),
    "ends": np.array([np.iinfo(np.int64).max, -1]),
    "axes": np.array([1, 2]),
    "steps": np.array([2, 1]),
}


@pytest.mark.parametrize("nodes", SMALL.values(), ids=SMALL)
def test_operators_mean_what_onnx_runtime_means(
    tmp_path: Path, backend: TorchBackend, nodes: list[Node]
) -> None:
    spec = spec_of({"x": ["B", 5, 4]}, ["y"])
    used = {name for _, inputs, _, _ in nodes for name in inputs}
    constants = {name: array for name, array in CONSTANTS.items() if name in used}
    path = write_graph(tmp_path, nodes, spec, constants)
    stages = [each.load("head[vqa]", path, spec) for each in (backend, open_backend("onnxruntime"))]
    x = np.random.default_rng(0).standard_normal((3, 5, 4)).astype(np.float32)
    found, expected = (stage.run({"x": x})["y"] for stage in stages)
    assert found.shape == expected.shape
    assert relative_l2(found, expected) <= 1e-6


REFUSED: dict[str, tuple[Node, int, str]] = {
    "operator": (("Einsum", ["x", "x"], "y", {"equation": "ij,ij->i"}), 20, "operator Einsum"),
    "attribute": (("Cast", ["x"], "y", {"to": 1, "saturate": 0}), 20, "Cast with saturate"),
    "rank": (("Reshape", ["x", "s"], "y", {}), 20, "Shape of a value"),
    "shape by numbers": (("Expand", ["x", "n"], "y", {}), 20, "Expand with a shape"),
    "opset": (("Tanh", ["x"], "y", {}), 13, "opset"),
}


@pytest.mark.parametrize(("node", "opset", "named"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_translated_is_named(
    tmp_path: Path, backend: TorchBackend, node: Node, opset: int, named: str
) -> None:
    spec = spec_of({"x": ["B", 3]}, ["y"])
    before: list[Node] = [
        ("Tanh", ["x"], "t", {}),
        ("Shape", ["t"], "s", {"start": 0} if node[0] == "Reshape" else {"end": 1}),
        ("Cast", ["t"], "n", {"to": 7}),
    ]
    path = write_graph(tmp_path, [*before, node], spec, {}, opset)
    with pytest.raises(LoadFailed, match=rf"^head\[vqa\]: .*{named}.*onnxruntime\)$"):
        backend.load("head[vqa]", path, spec)
