"""ONNX operators that compute, as torch calls: those our exporters emit (ADR 0025)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional

from engine.backends.torch.graph import (
    Attributes,
    Builder,
    Inputs,
    Known,
    Operator,
    Operators,
    Value,
    constants,
    refuse_unless,
)
from engine.backends.torch.weights import Extent

NUMBERS = Operators()
"""Operators that compute."""


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x · weight + bias: x [..., in], weight [in, out] as ONNX has it, bias [out]."""
    return functional.linear(x, weight.t(), bias)


def length(x: Tensor, axes: Sequence[int], keepdim: bool) -> Tensor:
    """Return the Euclidean lengths of x along axes."""
    found: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=keepdim)
    return found


def layer_norm(
    x: Tensor, shape: Sequence[int] | None, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Normalise the last axis, in the weight's dtype, or in that of x without a weight."""
    if weight is None:
        assert shape is not None
        return functional.layer_norm(x, shape, None, None, eps)
    return functional.layer_norm(x.to(weight.dtype), weight.shape, weight, bias, eps)


def _arithmetic(function: Callable[[Any, Any], Any]) -> Operator:
    def build(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
        one, other = inputs
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            return b.fold(function, one, other)
        return b.call(function, b.number(one), b.number(other))

    return build


for _name, _function in (("Add", operator.add), ("Sub", operator.sub), ("Mul", operator.mul)):
    NUMBERS.define(_name)(_arithmetic(_function))


@NUMBERS.define("Div")
def _div(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    refuse_unless(any(isinstance(x, fx.Node) for x in inputs), "of sizes")
    return b.call(operator.truediv, b.number(inputs[0]), b.number(inputs[1]))


@NUMBERS.define("MatMul")
def _matmul(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.matmul, b.tensor(inputs[0]), b.tensor(inputs[1]))


@NUMBERS.define("Gemm", "alpha", "beta", "transA", "transB")
def _gemm(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    scales = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    plain = scales == (1, 1) and not attributes.get("transA", 0)
    refuse_unless(plain, "that scales")
    transposed = attributes.get("transB", 0)
    x, weight, *bias = (b.tensor(value) for value in inputs)
    if not bias:
        return b.call(functional.linear if transposed else torch.matmul, x, weight)
    refuse_unless(len(_shape_of(bias[0]) or ()) == 1, "whose bias is not a constant row")
    return b.call(functional.linear if transposed else affine, x, weight, *bias)


@NUMBERS.define("Conv", "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
def _conv(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    weight = b.tensor(inputs[1])
    pads = attributes.get("pads", [0, 0, 0, 0])
    flat = len(_shape_of(weight) or ()) == 4 and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    refuse_unless(flat and pads[:2] == pads[2:], "other than of pictures, evenly padded")
    bias = b.tensor(inputs[2]) if len(inputs) > 2 else None
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    options = (strides, pads[:2], dilations, attributes.get("group", 1))
    return b.call(functional.conv2d, b.tensor(inputs[0]), weight, bias, *options)


@NUMBERS.define("LayerNormalization", "axis", "epsilon", "stash_type")
def _layer_norm(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    plain = (attributes.get("axis", -1), attributes.get("stash_type", 1)) == (-1, 1)
    refuse_unless(plain, "of more axes")
    x, scale, eps = b.tensor(inputs[0]), inputs[1], attributes.get("epsilon", 1e-5)
    bias = b.tensor(inputs[2]) if len(inputs) > 2 else None
    known = _known_row(scale)
    if bias is None and known is not None and bool(np.all(known == 1)):
        return b.call(layer_norm, x, known.shape, None, None, eps)
    return b.call(layer_norm, x, None, b.tensor(scale), bias, eps)


@NUMBERS.define("Gelu", "approximate")
def _gelu(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    kind = attributes.get("approximate", b"none").decode()
    return b.call(functional.gelu, b.tensor(inputs[0]), approximate=kind)


@NUMBERS.define("Relu")
def _relu(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.relu, b.tensor(inputs[0]))


@NUMBERS.define("Tanh")
def _tanh(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.tanh, b.tensor(inputs[0]))


@NUMBERS.define("Sigmoid")
def _sigmoid(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.sigmoid, b.tensor(inputs[0]))


@NUMBERS.define("Softmax", "axis")
def _softmax(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.softmax, b.tensor(inputs[0]), attributes.get("axis", -1))


def _reduction(function: Callable[..., Tensor]) -> Operator:
    def build(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
        axes = constants(inputs[1] if len(inputs) > 1 else None)
        return b.call(function, b.tensor(inputs[0]), axes, bool(attributes.get("keepdims", 1)))

    return build


NUMBERS.define("ReduceSum", "keepdims")(_reduction(torch.sum))
NUMBERS.define("ReduceMean", "keepdims")(_reduction(torch.mean))
NUMBERS.define("ReduceL2", "keepdims", "noop_with_empty_axes")(_reduction(length))


@NUMBERS.define("Clip")
def _clip(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    bounds = (None if bound is None else b.number(bound) for bound in inputs[1:])
    return b.call(torch.clamp, b.tensor(inputs[0]), *bounds)


@NUMBERS.define("Where")
def _where(b: Builder, inputs: Inputs, attributes: Attributes) -> Value:
    return b.call(torch.where, b.tensor(inputs[0]), b.number(inputs[1]), b.number(inputs[2]))


def _shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """Return the shape of a weight or constant, None for anything else."""
    source: Extent | Known | None = node.meta.get("source")
    return None if source is None else source.shape


def _known_row(value: Value | None) -> Known | None:
    """Return a constant with one axis, in the graph or in a file; None for anything else."""
    source = value.meta.get("source") if isinstance(value, fx.Node) else value
    if isinstance(source, Extent) and len(source.shape) == 1:
        return source.map()
    return source if isinstance(source, np.ndarray) and source.ndim == 1 else None
