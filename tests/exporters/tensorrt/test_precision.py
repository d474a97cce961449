"""The low-precision rewrite: products in fp16 or bf16, sums and norms in fp32, golden parity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from artifact.config import Precision
from artifact.golden import StageCase, read_stage_cases, relative_l2
from artifact.store import Artifact
from engine.opening.golden import PARITY_LIMITS
from exporters.tensorrt.errors import WeightOutOfRange
from exporters.tensorrt.graphs import prepare
from exporters.tensorrt.precision import PRODUCTS, lower
from tests.exporters.tensorrt.conftest import session_of

TYPES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
FP32_ONLY = {"LayerNormalization", "Softmax", "Tanh", "Where", "Mul", "Sub"}


def golden(demo: Artifact) -> tuple[StageCase, ...]:
    assert demo.manifest.golden is not None
    return read_stage_cases(demo.path(demo.manifest.golden.stages))


def types_of(path: Path) -> tuple[onnx.GraphProto, dict[str, int]]:
    """Infer the type of every value of a prepared graph."""
    graph = shape_inference.infer_shapes(onnx.load(path), strict_mode=True).graph
    types = {t.name: t.data_type for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        types[value.name] = value.type.tensor_type.elem_type
    return graph, types


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_what_is_low_and_what_is_not(demo: Artifact, tmp_path: Path, precision: Precision) -> None:
    low = TYPES[precision]
    for number, (stage, record) in enumerate(demo.manifest.stages.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        graph, types = types_of(prepare(demo.path(record.file), precision, folder))
        products = [node for node in graph.node if node.op_type in PRODUCTS]
        fp32_products = [node for node in products if types[node.output[0]] == TensorProto.FLOAT]
        assert len(fp32_products) == stage.startswith(("head", "whole")), stage
        for node in graph.node:
            if node.op_type in FP32_ONLY:
                assert types[node.output[0]] != low, (stage, node.op_type)
        for value in graph.output:
            assert types[value.name] == TensorProto.FLOAT, (stage, value.name)


def test_a_product_keeps_its_bias_and_gelu_with_it(demo: Artifact, tmp_path: Path) -> None:
    graph, types = types_of(prepare(demo.path("block.0.onnx"), "bf16", tmp_path))
    made = {name: node for node in graph.node for name in node.output}
    gelu = next(node for node in graph.node if node.op_type == "Gelu")
    bias = made[gelu.input[0]]
    assert (bias.op_type, made[bias.input[0]].op_type) == ("Add", "MatMul")
    assert types[gelu.output[0]] == TensorProto.BFLOAT16


def test_residual_sums_are_fp32(demo: Artifact, tmp_path: Path) -> None:
    graph, types = types_of(prepare(demo.path("block.0.onnx"), "fp16", tmp_path))
    residual = next(node for node in graph.node if node.op_type == "Add" and "h" in node.input)
    assert types[residual.output[0]] == TensorProto.FLOAT


def test_weights_are_converted_and_the_fp32_copy_is_gone(demo: Artifact, tmp_path: Path) -> None:
    path = demo.path("block.0.onnx")
    full = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    low = onnx.load(prepare(path, "fp16", tmp_path)).graph.initializer
    halves = [t for t in low if t.data_type == TensorProto.FLOAT16 and len(t.dims) == 2]
    assert len(halves) == 6
    for tensor in halves:
        name = tensor.name.removesuffix(".fp16")
        assert name not in {other.name for other in low}
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), full[name].astype(np.float16))


@pytest.mark.parametrize("stage", ["stem[vqa]", "block[0]", "block_image[1]", "block_decode[0]"])
def test_fp16_passes_golden_parity_and_is_not_fp32(
    demo: Artifact, tmp_path: Path, stage: str
) -> None:
    session = session_of(prepare(demo.path(demo.manifest.stages[stage].file), "fp16", tmp_path))
    names = [output.name for output in session.get_outputs()]
    errors = errors_of(demo, stage, lambda inputs: session.run(names, inputs), names)
    assert 1e-5 < max(errors) <= PARITY_LIMITS["fp16"]


@pytest.mark.parametrize("stage", ["stem[vqa]", "block[0]", "block_decode[0]", "head[vqa]"])
def test_bf16_passes_golden_parity_and_is_not_fp32(
    demo: Artifact, tmp_path: Path, stage: str
) -> None:
    path = prepare(demo.path(demo.manifest.stages[stage].file), "bf16", tmp_path)
    evaluator = ReferenceEvaluator(onnx.load(path))
    names = evaluator.output_names
    errors = errors_of(demo, stage, lambda inputs: evaluator.run(names, inputs), names)
    assert 1e-5 < max(errors) <= PARITY_LIMITS["bf16"]


def errors_of(demo: Artifact, stage: str, run: Any, names: Sequence[str]) -> list[float]:
    return [
        relative_l2(np.asarray(found, np.float32), case.outputs[name])
        for case in golden(demo)
        if case.stage == stage
        for name, found in zip(names, run(dict(case.inputs)), strict=True)
    ]


def test_a_weight_beyond_fp16_is_refused() -> None:
    weight = numpy_helper.from_array(np.full((2, 2), 1e6, np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Tanh", ["y"], ["z"]),
    ]
    x, z = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", 2]) for n in "xz")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [z], [weight]))
    with pytest.raises(WeightOutOfRange, match=r"w\.fp16: .*--precision bf16"):
        lower(model, "fp16")


def test_an_output_that_is_read_again_has_both_types() -> None:
    """A low value that is an output, is a product's input and feeds a norm: each reads its own."""
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32) / 3, "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("MatMul", ["y", "w"], ["u"]),
        helper.make_node("Tanh", ["y"], ["t"]),
        helper.make_node("Add", ["t", "u"], ["z"]),
    ]
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", 4]) for n in "xyz"}
    graph = helper.make_graph(nodes, "g", [values["x"]], [values["y"], values["z"]], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    expected = ReferenceEvaluator(model).run(None, {"x": x})
    lower(model, "fp16")
    onnx.checker.check_model(model, full_check=True)
    found = session_of(model.SerializeToString()).run(None, {"x": x})
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=2e-3)
