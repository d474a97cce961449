"""ONNX operators that move numbers, as torch calls: those our exporters emit (ADR 0025)."""

from __future__ import annotations

import operator

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional

from engine.backends.torch.graph import (
    Attributes,
    Builder,
    Inputs,
    Operators,
    Value,
    constants,
    ints,
    refuse_unless,
    sizes,
)

LAYOUT = Operators()
"""Operators that move numbers or give sizes."""


def take(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """Return the parts of x at the places `index` along an axis; `index` replaces that axis."""
    taken = x.index_select(axis, index.reshape(-1))
    return taken.reshape(x.shape[:axis] + index.shape + x.shape[axis + 1 :])


def expand(x: Tensor, *shape: int) -> Tensor:
    """Return x broadcast with a shape, as ONNX's Expand does: either may have sizes of 1."""
    return x.expand(torch.broadcast_shapes(x.shape, shape))  # type: ignore[no-untyped-call]


@LAYOUT.define("Cast", "to")
def _cast(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
    (value,) = inputs
    if isinstance(value, np.ndarray):
        sizes_stay = value.dtype == object and dtype == np.int64
        return value if sizes_stay else value.astype(dtype)
    return b.method("to", value, torch.from_numpy(np.empty(0, dtype)).dtype)


@LAYOUT.define("Shape", "start", "end")
def _shape(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    node = b.tensor(inputs[0])
    start, end = attributes.get("start", 0), attributes.get("end")
    if start < 0 or end is None or end < 0:
        refuse_unless("rank" in node.meta, "of a value whose rank the graph does not say")
        start, end, _ = slice(start, end).indices(node.meta["rank"])
    return sizes(b.size(node, axis) for axis in range(start, end))


@LAYOUT.define("Reshape", "allowzero")
def _reshape(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    value, shape = inputs[0], ints(inputs[1])
    if isinstance(value, np.ndarray):
        return value.reshape(shape)
    node = b.tensor(value)
    if not attributes.get("allowzero", 0):
        shape = [b.size(node, i) if size == 0 else size for i, size in enumerate(shape)]
    return b.method("reshape", node, tuple(shape))


@LAYOUT.define("Flatten", "axis")
def _flatten(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    refuse_unless(attributes.get("axis", 1) == 1, "of the first axes")
    return b.method("flatten", b.tensor(inputs[0]), 1)


@LAYOUT.define("Transpose", "perm")
def _transpose(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    refuse_unless("perm" in attributes, "without perm")
    return b.method("permute", b.tensor(inputs[0]), tuple(attributes["perm"]))


@LAYOUT.define("Squeeze")
def _squeeze(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    axes = tuple(constants(inputs[1])) if len(inputs) > 1 else None
    if isinstance(inputs[0], np.ndarray):
        return np.squeeze(inputs[0], axes)
    return b.method("squeeze", b.tensor(inputs[0]), *(() if axes is None else (axes,)))


@LAYOUT.define("Unsqueeze")
def _unsqueeze(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    value, axes = inputs[0], sorted(constants(inputs[1]))
    from_end = axes[-1] < 0
    refuse_unless(from_end or axes[0] >= 0, "counted from both ends")
    if isinstance(value, np.ndarray):
        return np.expand_dims(value, tuple(axes))
    for axis in reversed(axes) if from_end else axes:  # each counts those before it
        value = b.method("unsqueeze", value, axis)
    return b.tensor(value)


@LAYOUT.define("Expand")
def _expand(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(expand, b.tensor(inputs[0]), *ints(inputs[1]))


@LAYOUT.define("Concat", "axis")
def _concat(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    known = [value for value in inputs if isinstance(value, np.ndarray)]
    if len(known) == len(inputs):
        return np.concatenate(known, attributes["axis"])
    return b.call(torch.cat, [b.tensor(value) for value in inputs], attributes["axis"])


@LAYOUT.define("Split", "axis", "num_outputs")
def _split(b: Builder, inputs: Inputs, attributes: Attributes) -> list[Value]:
    node, axis = b.tensor(inputs[0]), attributes.get("axis", 0)
    if len(inputs) > 1:
        sizes_of_parts = ints(inputs[1])
        parts, count = b.call(torch.split, node, sizes_of_parts, axis), len(sizes_of_parts)
    else:
        count = attributes["num_outputs"]
        parts = b.call(torch.chunk, node, count, axis)
    return [b.call(operator.getitem, parts, part) for part in range(count)]


@LAYOUT.define("Slice")
def _slice(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    starts, ends = ints(inputs[1]), ints(inputs[2])
    axes = constants(inputs[3]) if len(inputs) > 3 else list(range(len(starts)))
    steps = constants(inputs[4]) if len(inputs) > 4 else [1] * len(starts)
    refuse_unless(all(step > 0 for step in steps), "backwards")
    value = inputs[0]
    if isinstance(value, np.ndarray):
        refuse_unless(axes == [0], "of a table of sizes")
        (start,), (end,) = constants(inputs[1]), constants(inputs[2])
        return value[start : end : steps[0]]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        value = b.call(torch.ops.aten.slice.Tensor, value, axis, start, end, step)
    return b.tensor(value)


@LAYOUT.define("Gather", "axis")
def _gather(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    (value, index), axis = inputs, attributes.get("axis", 0)
    refuse_unless(axis >= 0, "counted from the end")
    if isinstance(index, np.ndarray):
        if isinstance(value, np.ndarray) and index.dtype != object:
            return np.asarray(np.take(value, index, axis), value.dtype)
        if index.ndim == 0:
            return b.method("select", b.tensor(value), axis, index.item())
    return b.call(take, b.tensor(value), b.tensor(index), axis)


@LAYOUT.define("Range")
def _range(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    ends = [item for value in inputs for item in ints(value)]
    return b.call(torch.arange, *ends, device=b.device)


@LAYOUT.define("Pad", "mode")
def _pad(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    refuse_unless(attributes.get("mode", b"constant") == b"constant", "other than with a constant")
    refuse_unless(len(inputs) < 4, "of chosen axes")
    pads = ints(inputs[1])
    half = len(pads) // 2
    pairs = [side for axis in reversed(range(half)) for side in (pads[axis], pads[half + axis])]
    fill = b.number(inputs[2]) if len(inputs) > 2 else 0
    return b.call(functional.pad, b.tensor(inputs[0]), pairs, value=fill)
