"""ONNX graphs as torch.fx graphs (ADR 0025).

Constants, axes and the arithmetic of sizes are computed in Python while a graph is built. So a
built graph reads no number from the device, and one CUDA graph can hold all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx.external_data_helper import ExternalDataInfo
from torch import fx

from engine.backends.torch.weights import Extent, WeightStore

Known = NDArray[Any]
"""A value known while the graph is built: a constant, or sizes, as an array of objects that are
integers or the nodes that give integers."""

Value = fx.Node | Known
Inputs = Sequence[Value | None]
"""A node's inputs; None where one is left out."""
Attributes = Mapping[str, Any]
"""A node's attributes."""
Operator = Callable[["Builder", Inputs, Attributes], "Value | list[Value]"]
"""Builds a node's output, or all its outputs, from its inputs and attributes."""

OPSETS = range(18, 21)
"""The ONNX opsets that the table of operators is written for."""


class Unsupported(Exception):
    """A graph uses something that the table of operators does not have."""


class Operators(dict[str, tuple[Operator, frozenset[str]]]):
    """By an operator's name: how it is built, and the attributes it understands."""

    def define(self, name: str, *attributes: str) -> Callable[[Operator], Operator]:
        """Return a decorator that enters how an operator is built."""

        def enter(build: Operator) -> Operator:
            self[name] = build, frozenset(attributes)
            return build

        return enter


class Builder:
    """A torch.fx graph under construction.

    Args:
        device: where tensors that the graph makes lie.
    """

    def __init__(self, device: torch.device) -> None:
        self.graph = fx.Graph()
        self.device = device
        self._sizes: dict[tuple[fx.Node, int], fx.Node] = {}
        self._sources = 0

    def source(self, source: Extent | Known) -> fx.Node:
        """Return a node that gives a tensor of a file, or a constant; `make_module` loads it."""
        node = self.graph.get_attr(f"w{self._sources}")
        self._sources += 1
        node.meta["source"] = source
        return node

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> fx.Node:
        """Return a node that calls a function."""
        return self.graph.call_function(function, args, options)

    def method(self, name: str, *args: Any, **options: Any) -> fx.Node:
        """Return a node that calls a method of its first argument."""
        return self.graph.call_method(name, args, options)

    def tensor(self, value: Value | None) -> fx.Node:
        """Return a value as a node that gives a tensor."""
        if isinstance(value, fx.Node):
            return value
        if value is None or value.dtype == object:
            raise Unsupported("with sizes, or nothing, in place of a tensor")
        return self.source(value)

    def number(self, value: Value | None) -> Any:
        """Return a value as an operand of arithmetic: a single known number is a number."""
        if isinstance(value, np.ndarray) and value.size == 1:
            return value.item()
        return self.tensor(value)

    def size(self, node: fx.Node, axis: int) -> fx.Node:
        """Return the node that gives a tensor's size along an axis, always the same one."""
        if (node, axis) not in self._sizes:
            self._sizes[node, axis] = self.method("size", node, axis)
        return self._sizes[node, axis]

    def fold(self, function: Callable[[Any, Any], Any], one: Known, other: Known) -> Known:
        """Return the arithmetic of two known values; of sizes, as nodes of the graph."""
        if one.dtype != object and other.dtype != object:
            return np.asarray(function(one, other))

        def apply(left: Any, right: Any) -> Any:
            if isinstance(left, fx.Node) or isinstance(right, fx.Node):
                return self.call(function, left, right)
            return function(left, right)

        applied = np.frompyfunc(apply, 2, 1)(one.astype(object), other.astype(object))
        return np.asarray(applied, object)


def sizes(items: Iterable[Any]) -> Known:
    """Return integers, and nodes that give integers, as a known value with one axis."""
    listed = list(items)
    made = np.empty(len(listed), object)
    made[:] = listed
    return made


def refuse_unless(fits: bool, problem: str) -> None:
    """Do nothing if the operator can be built.

    Raises:
        Unsupported: with the problem, if it does not fit.
    """
    if not fits:
        raise Unsupported(problem)


def ints(value: Value | None) -> list[Any]:
    """Return a known value's numbers, each an integer or the node that gives it.

    Raises:
        Unsupported: if the value is not known while the graph is built.
    """
    refuse_unless(isinstance(value, np.ndarray), "with a shape that depends on numbers")
    assert isinstance(value, np.ndarray)
    return list(value.astype(object).reshape(-1))


def constants(value: Value | None) -> list[int]:
    """Return integers that must be constants, such as axes.

    Raises:
        Unsupported: if one of them is a size.
    """
    found = ints(value)
    refuse_unless(all(isinstance(item, int) for item in found), "with axes that are sizes")
    return found


def build_graph(
    model: onnx.ModelProto,
    folder: Path,
    device: torch.device,
    operators: Operators,
) -> fx.Graph:
    """Translate a model operator by operator; its inputs and outputs keep their order.

    Args:
        model: its external data not loaded.
        folder: where the files of its external data lie.
        device: where it will run.
        operators: how each operator is built, and the attributes it understands.

    Raises:
        Unsupported: naming the operator, if it is not among them.
    """
    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions.keys() - {"", "ai.onnx"} or versions.get("", 0) not in OPSETS:
        raise Unsupported(f"opset {versions}: {OPSETS[0]} to {OPSETS[-1]} are read")
    ranks = _ranks(model.graph)
    builder, values = Builder(device), dict[str, Value]()
    for number, given in enumerate(model.graph.input):
        values[given.name] = placeholder = builder.graph.placeholder(f"input_{number}")
        placeholder.meta["rank"] = ranks[given.name]
    for tensor in model.graph.initializer:
        values[tensor.name] = _initializer(builder, tensor, folder)
    for node in model.graph.node:
        try:
            made = _translate(
                builder, node, [values[n] if n else None for n in node.input], operators
            )
        except Unsupported as error:
            raise Unsupported(f"operator {node.op_type} {error}") from error
        for name, value in zip(node.output, made, strict=True):
            values[name] = value
            if isinstance(value, fx.Node) and name in ranks:
                value.meta["rank"] = ranks[name]
    builder.graph.output(tuple(builder.tensor(values[v.name]) for v in model.graph.output))
    return builder.graph


def _ranks(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the ranks of values, as far as the graph says."""
    described = (*graph.value_info, *graph.output, *graph.input)
    kinds = {value.name: value.type.tensor_type for value in described}
    return {name: len(kind.shape.dim) for name, kind in kinds.items() if kind.HasField("shape")}


def _initializer(builder: Builder, tensor: onnx.TensorProto, folder: Path) -> Value:
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    where = ExternalDataInfo(tensor)
    path = folder / where.location
    if path.resolve().parent != folder.resolve():
        raise ValueError(f"{tensor.name} lies outside the artifact, in {where.location}")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return builder.source(Extent(path, where.offset or 0, dtype, tuple(tensor.dims)))


def _translate(
    builder: Builder,
    node: onnx.NodeProto,
    inputs: Inputs,
    operators: Operators,
) -> list[Value]:
    if node.domain not in ("", "ai.onnx") or node.op_type not in operators:
        raise Unsupported("is not one our exporters emit")
    operator, understood = operators[node.op_type]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if attributes.keys() - understood:
        raise Unsupported(f"with {', '.join(sorted(attributes.keys() - understood))}")
    made = operator(builder, inputs, attributes)
    outputs = made if isinstance(made, list) else [made]
    if len(node.output) != len(outputs):
        raise Unsupported(f"with {len(node.output)} outputs")
    return outputs


def make_module(graph: fx.Graph, weights: WeightStore) -> fx.GraphModule:
    """Return the graph as a module that holds the weights its nodes use.

    Raises:
        OSError, ValueError: if a weight cannot be read.
    """
    tensors = {
        node.target: weights.get(node.meta["source"], node.meta.get("dtype"))
        for node in graph.nodes
        if node.op == "get_attr"
    }
    graph.lint()
    module = fx.GraphModule(tensors, graph)
    graph.owning_module = None  # else the two refer to each other, and the weights stay
    return module
