"""Rewriting translated graphs: fewer and larger calls, and products in bf16 (ADR 0025)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

from engine.backends.torch.layout import take
from engine.backends.torch.ops import affine

PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.matmul,
        affine,
        functional.linear,
        functional.conv2d,
        functional.scaled_dot_product_attention,
    }
)
"""Calls that multiply matrices: `narrow` gives them narrower operands."""


def fuse(graph: fx.Graph) -> None:
    """Replace attention, products with a bias, and norms' scale and shift by one call each."""
    for node in list(graph.nodes):
        if node.target is torch.softmax:
            _fuse_attention(graph, node)
    for node in list(graph.nodes):
        if node.target is operator.add:
            _fuse_affine(graph, node)
            _fuse_table(graph, node)
    graph.eliminate_dead_code()


def _fuse_attention(graph: fx.Graph, softmax: fx.Node) -> None:
    """Replace softmax(scale · q kᵀ + bias) v, as the exporter writes it, by one call."""
    mixed, (scores, axis), bias = _only_user(softmax, torch.matmul), _args(softmax), None
    if mixed is None or mixed.args[0] is not softmax or axis != -1:
        return
    if _calls(scores, operator.add):
        scores, bias = _ordered(scores.args, torch.matmul)
    if not _calls(scores, torch.matmul) or len(scores.users) != 1:
        return
    q, by_q = _unscaled(scores.args[0])
    k, by_k = _unscaled(scores.args[1])
    k = _untransposed(k)
    if k is None or not (bias is None or isinstance(bias, fx.Node)):
        return
    with graph.inserting_before(mixed):
        fused = graph.call_function(
            functional.scaled_dot_product_attention,
            (q, k, mixed.args[1]),
            {"attn_mask": bias, "scale": by_q * by_k},
        )
    _replace(graph, mixed, fused)


def _unscaled(node: Any) -> tuple[Any, float]:
    """Return the node under multiplications by constants, and the product of the constants."""
    scale = 1.0
    while _calls(node, operator.mul) and isinstance(node.args[1], float):
        scale *= node.args[1]
        node = node.args[0]
    return node, scale


def _untransposed(node: Any) -> fx.Node | None:
    """Return the node that a node transposes in its last two axes; None if it does not."""
    if not isinstance(node, fx.Node):
        return None
    if node.target == "permute":
        source, perm = _args(node)
        swapped = (*range(len(perm) - 2), len(perm) - 1, len(perm) - 2)
        return source if perm == swapped else None
    return _flat_transposed(node)


def _flat_transposed(node: fx.Node) -> fx.Node | None:
    """Recognise a transpose as the exporter writes it, and return the node it transposes.

    It reshapes the leading axes to one, swaps the other two, and restores the leading axes.
    """
    shapes: list[list[Any]] = []
    for target in ("reshape", "permute", "reshape"):
        if not isinstance(node, fx.Node) or node.target != target:
            return None
        node, shape = _args(node)
        shapes.append([_size(size) for size in shape])
    sizes = [(node, axis) for axis in range(node.meta.get("rank", 0))]
    many, swapped, one = shapes
    exact = swapped == [0, 2, 1] and one == [-1, *sizes[-2:]]
    return node if exact and many == [*sizes[:-2], sizes[-1], sizes[-2]] else None


def _size(node: Any) -> Any:
    """Return (node, axis) for a node that gives a size; anything else as it is."""
    return _args(node) if isinstance(node, fx.Node) and node.target == "size" else node


def _fuse_affine(graph: fx.Graph, total: fx.Node) -> None:
    """Replace x · weight + bias by one call, where both are weights."""
    product, bias = _ordered(_args(total), torch.matmul)
    if not _calls(product, torch.matmul) or len(product.users) != 1:
        return
    if _weight_rank(product.args[1]) == 2 and _weight_rank(bias) == 1:
        with graph.inserting_before(total):
            _replace(graph, total, graph.call_function(affine, (*product.args, bias)))


def _fuse_table(graph: fx.Graph, total: fx.Node) -> None:
    """Replace x · scale + shift by one call, where both are taken from a norm's tables."""
    product, shift = _ordered(_args(total), operator.mul)
    if not _calls(product, operator.mul) or len(product.users) != 1 or not _calls(shift, take):
        return
    x, scale = product.args
    if _calls(scale, take) and isinstance(x, fx.Node):
        with graph.inserting_before(total):
            _replace(graph, total, graph.call_function(torch.addcmul, (shift, x, scale)))


def linear_wide(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x · weightᵀ + bias in the bias's dtype, of narrower x [..., in], weight [out, in]."""
    return _wide(x, weight.t(), bias)


def affine_wide(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x · weight + bias in the bias's dtype, of narrower x [..., in], weight [in, out]."""
    return _wide(x, weight, bias)


def _wide(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    if x.is_cuda:
        product = torch.mm(rows, weight, out_dtype=bias.dtype)
    else:  # no such product there; the numbers are the same
        product = rows.to(bias.dtype) @ weight.to(bias.dtype)
    return product.reshape(*x.shape[:-1], weight.shape[1]) + bias


_WIDE: dict[Any, Callable[..., Tensor]] = {functional.linear: linear_wide, affine: affine_wide}


def narrow(graph: fx.Graph, dtype: torch.dtype) -> None:
    """Give matrix products their operands in a narrower dtype.

    The rest stays in fp32, since torch computes in the wider dtype of two operands: the residual
    stream, norms with weights, softmax outside fused attention, the sums of products, logits.

    Args:
        graph: rewritten in place.
        dtype: of the products' operands.
    """
    narrowed: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        if node.target not in PRODUCTS:
            continue
        operands = node.all_input_nodes
        if node.target in _WIDE and len(operands) == 3 and _is_output(node):
            node.target = _WIDE[node.target]
            operands = operands[:2]
        for operand in operands:
            if operand not in narrowed:
                with graph.inserting_before(node):
                    narrowed[operand] = _narrowed(graph, operand, dtype)
            node.replace_input_with(operand, narrowed[operand])
    _widen_outputs(graph)
    graph.eliminate_dead_code()


def _narrowed(graph: fx.Graph, operand: fx.Node, dtype: torch.dtype) -> fx.Node:
    if "source" not in operand.meta:
        return graph.call_method("to", (operand, dtype))
    weight = graph.get_attr(f"{operand.target}_narrow")
    weight.meta.update(operand.meta, dtype=dtype)
    return weight


def _is_output(node: fx.Node) -> bool:
    """Tell whether a value is only an output of the graph, whole or a part selected of it."""
    return all(
        user.op == "output" or (user.target == "select" and _is_output(user)) for user in node.users
    )


def _widen_outputs(graph: fx.Graph) -> None:
    """Convert every output to fp32, the manifest's dtype."""
    end = graph.output_node()
    with graph.inserting_before(end):
        wide = tuple(graph.call_method("to", (o, torch.float32)) for o in _outputs(end))
    end.args = (wide,)


def _outputs(end: fx.Node) -> Iterator[fx.Node]:
    (outputs,) = end.args
    assert isinstance(outputs, tuple)
    for output in outputs:
        assert isinstance(output, fx.Node)
        yield output


def _args(node: fx.Node) -> tuple[Any, ...]:
    """Return a node's arguments, as values of any type."""
    return node.args


def _calls(node: Any, function: Callable[..., Any]) -> bool:
    return isinstance(node, fx.Node) and node.target is function


def _only_user(node: fx.Node, function: Callable[..., Any]) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 and _calls(users[0], function) else None


def _ordered(operands: Any, function: Callable[..., Any]) -> tuple[Any, Any]:
    """Return the two operands of a sum, the one that calls `function` first."""
    one, other = operands
    return (one, other) if _calls(one, function) else (other, one)


def _weight_rank(node: Any) -> int:
    source = node.meta.get("source") if isinstance(node, fx.Node) else None
    return -1 if source is None else len(source.shape)


def _replace(graph: fx.Graph, old: fx.Node, new: fx.Node) -> None:
    new.meta.update(old.meta)
    old.replace_all_uses_with(new)
    graph.erase_node(old)
