"""A stage's graph with its products in fp16 or bf16 and everything else in fp32.

TensorRT is given strongly typed networks: it computes each operation in the type the graph says.
So the precision is written into the graph.

- Products (matrix products, the patch convolution) read and write the low type. Their weights are
  converted once; the library accumulates in fp32.
- What follows a product directly (its bias, Gelu, reshaping) stays in the low type: one kernel
  does them together.
- The rest is fp32: norms and their tables, softmax and masks, residual sums, coefficients, inputs
  and outputs.
- A product whose result is an output (a head's scores) is fp32: scores are compared with one
  another, and bf16 would round near ones to the same number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from artifact.config import Precision
from exporters.tensorrt.errors import WeightOutOfRange

PRODUCTS = frozenset({"MatMul", "Gemm", "Conv"})
MOVES = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Identity", "Expand"}
)
"""Operations that move the numbers of their first input and change none."""

_ASKS_SHAPE = frozenset({"Shape", "Size"})
_TYPES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def lower(model: onnx.ModelProto, precision: Precision) -> None:
    """Rewrite a graph in place; nothing for fp32.

    Args:
        model: an fp32 graph whose weights are in memory, nodes in topological order.
        precision: what products are computed in.

    Raises:
        WeightOutOfRange: a weight is too large for fp16.
    """
    if precision != "fp32":
        _Lowering(model.graph, precision).run()


class _Lowering:
    """One pass over the nodes; `_low` holds the names of the values in the low type so far."""

    def __init__(self, graph: onnx.GraphProto, precision: Precision) -> None:
        self._graph = graph
        self._suffix = precision
        self._type = _TYPES[precision]
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._outputs = {value.name for value in graph.output}
        self._scores = _scores(graph)
        self._low: set[str] = set()
        self._casts: dict[tuple[str, int], str] = {}
        self._renamed: dict[str, str] = {}

    def run(self) -> None:
        """Rewrite the graph."""
        nodes = [made for node in list(self._graph.node) for made in self._rewrite(node)]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        del self._graph.value_info[:]  # their types no longer hold
        used = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self._weights.values() if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _rewrite(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Yield the node and the casts around it."""
        for index, name in enumerate(node.input):
            node.input[index] = self._renamed.get(name, name)
        low = self._is_low(node)
        for index, name in enumerate(node.input):
            if not name or node.op_type in _ASKS_SHAPE:
                continue
            if low and (index == 0 or node.op_type not in MOVES):
                yield from self._cast(node, index, self._type, self._suffix, name in self._low)
            elif not low:
                kept = name not in self._low
                yield from self._cast(node, index, TensorProto.FLOAT, "fp32", kept)
        yield node
        if low:
            yield from self._record_outputs(node)

    def _is_low(self, node: onnx.NodeProto) -> bool:
        first, *others = node.input or [""]
        if node.op_type in PRODUCTS:
            return node.output[0] not in self._scores
        if node.op_type in MOVES or node.op_type == "Gelu":
            return first in self._low
        if node.op_type == "Concat":
            return all(name in self._low for name in node.input)
        if node.op_type == "Add":  # a bias; a sum of two values is a residual
            pair = (first, *others)
            return any(name in self._low for name in pair) and any(
                name in self._weights for name in pair
            )
        return False

    def _cast(
        self, node: onnx.NodeProto, index: int, to: int, suffix: str, already: bool
    ) -> Iterator[onnx.NodeProto]:
        """Make one input have the type, by a cast yielded once or by converting a weight."""
        name = node.input[index]
        if already:
            return
        if (name, to) in self._casts:
            node.input[index] = self._casts[name, to]
            return
        target = self._casts[name, to] = node.input[index] = f"{name}.{suffix}"
        if name in self._weights:
            array = numpy_helper.to_array(self._weights[name])
            self._weights[target] = _converted(array, to, target)
        else:
            yield _cast_node(name, target, to)
        if to == self._type:
            self._low.add(target)

    def _record_outputs(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Record the outputs as low; outputs of the graph are cast back under their own name."""
        for index, name in enumerate(node.output):
            low = name
            if name in self._outputs:
                low = node.output[index] = self._renamed[name] = f"{name}.{self._suffix}"
                self._casts[low, TensorProto.FLOAT] = name
                yield _cast_node(low, name, TensorProto.FLOAT)
            self._low.add(low)


def _cast_node(source: str, target: str, to: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"cast.{target}", to=to)


def _scores(graph: onnx.GraphProto) -> set[str]:
    """Return the values that only reach an output, moved or with a bias added."""
    weights = {tensor.name for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    found = {value.name for value in graph.output if not uses[value.name]}
    for node in reversed(graph.node):
        if len(node.output) != 1 or node.output[0] not in found:
            continue
        if node.op_type in MOVES or node.op_type == "Gather":
            passed = [node.input[0]]
        elif node.op_type == "Add" and weights.intersection(node.input):
            passed = [name for name in node.input if name not in weights]
        else:
            continue
        found.update(name for name in passed if uses[name] == 1)
    return found


def _converted(array: NDArray[Any], to: int, name: str) -> onnx.TensorProto:
    """Round a weight to the nearest value of the type."""
    with np.errstate(over="ignore"):
        low = array.astype(helper.tensor_dtype_to_np_dtype(to))
    if not np.isfinite(low.astype(np.float32)).all():
        raise WeightOutOfRange(name)
    return numpy_helper.from_array(low, name)
