"""A small ONNX graph, with the inputs and optimization profiles to build a plan of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from artifact.plan import OptimizationProfile, PlanTensor, SizeRange

INPUTS = {"x": PlanTensor(dtype="float32", shape=("B", 4))}
PROFILES = (OptimizationProfile(sizes={"B": SizeRange(smallest=1, usual=2, largest=4)}),)


def write_small_graph(folder: Path, operations: Sequence[str]) -> Path:
    """Write a graph of a chain of operations from x to y, both [B, 4]; returns its path.

    MatMul multiplies by a weight; `Frobnicate` is an operation that no library knows.
    """
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes, last = [], "x"
    for number, operation in enumerate(operations):
        name = "y" if number == len(operations) - 1 else f"v{number}"
        inputs = [last, "w"] if operation == "MatMul" else [last]
        domain = "" if operation != "Frobnicate" else "example"
        nodes.append(helper.make_node(operation, inputs, [name], f"node{number}", domain=domain))
        last = name
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", 4]) for n in "xy")
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("example", 1)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [weight]), opset_imports=opsets
    )
    model.ir_version = 10
    onnx.save(model, folder / "g.onnx")
    return folder / "g.onnx"
