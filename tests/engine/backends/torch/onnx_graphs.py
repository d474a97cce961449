"""Small ONNX graphs, written by hand, and the torch and ONNX Runtime stages made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from artifact.manifest import StageFile, TensorSpec
from tests.engine.artifacts.tiny_graphs import ONNX_TYPES
from tests.engine.artifacts.tiny_model import Array

Node = tuple[str, Sequence[str], str, Mapping[str, Any]]
"""Operator, inputs, outputs with spaces between, attributes."""


def spec_of(
    inputs: Mapping[str, Sequence[int | str]], outputs: Sequence[str], dtype: str = "float32"
) -> StageFile:
    """Return a record; outputs have any shape."""
    given = {name: TensorSpec(dtype=dtype, shape=tuple(s)) for name, s in inputs.items()}  # type: ignore[arg-type]
    made = {name: TensorSpec(dtype="float32", shape=()) for name in outputs}
    return StageFile(file="hand.onnx", inputs=given, outputs=made)


def write_graph(
    folder: Path,
    nodes: Sequence[Node],
    spec: StageFile,
    constants: Mapping[str, Array],
    opset: int = 20,
) -> Path:
    """Write a graph whose values inside have no recorded shapes; returns its path."""
    made = [
        helper.make_node(op, list(i), o.split(), **attributes) for op, i, o, attributes in nodes
    ]
    inputs = [
        helper.make_tensor_value_info(n, ONNX_TYPES[one.dtype], list(one.shape))
        for n, one in spec.inputs.items()
    ]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in spec.outputs]
    held = [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(made, "hand", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path = folder / spec.file
    path.write_bytes(model.SerializeToString())
    return path
