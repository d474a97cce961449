"""The tiny model's stages as hand-written ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from artifact.config import ModelConfig
from artifact.manifest import WEIGHTS_NAME, StageFile, TensorSpec
from tests.engine.artifacts.tiny_model import (
    ANSWERS,
    HEAD_WIDTH,
    HEADS,
    NV,
    SIDE,
    VOCAB,
    WIDTH,
    Array,
    TinyModel,
)

ONNX_TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}


Sides = dict[str, tuple[str, list[Any]]]
"""A graph's inputs, or its outputs: name to dtype and shape."""

SPECS: dict[str, tuple[Sides, Sides]] = {
    "stem[vqa]": (
        {"pixels": ("uint8", ["B", SIDE, SIDE, 3]), "tokens": ("int64", ["B", "L"])},
        {"h": ("float32", ["B", "N", WIDTH])},
    ),
    "stem[caption]": (
        {"pixels": ("uint8", ["B", SIDE, SIDE, 3])},
        {"h": ("float32", ["B", NV, WIDTH])},
    ),
    "stem[decode]": (
        {"tokens": ("int64", ["B", 2]), "position": ("int64", ["B"])},
        {"h": ("float32", ["B", 2, WIDTH])},
    ),
    "head[vqa]": ({"y": ("float32", ["B", 2, WIDTH])}, {"logits": ("float32", ["B", ANSWERS])}),
    "head[reason]": ({"y": ("float32", ["B", 2, 2, WIDTH])}, {"logits": ("float32", ["B", 2])}),
    "head[caption]": ({"y": ("float32", ["B", 1, WIDTH])}, {"logits": ("float32", ["B", VOCAB])}),
}
CACHE = ("float32", ["B", HEADS, "T", HEAD_WIDTH])
ONE = ("float32", ["B", HEADS, 1, HEAD_WIDTH])
IMAGE_CACHE = ("float32", ["B", HEADS, NV, HEAD_WIDTH])
BLOCK_SPECS: dict[str, tuple[Sides, Sides]] = {
    "block": (
        {
            "h": ("float32", ["B", "N", WIDTH]),
            "order": ("int64", ["B"]),
            "mask": ("bool", ["B", "N"]),
        },
        {"h_out": ("float32", ["B", "N", WIDTH]), "r": ("float32", ["B", 2, WIDTH])},
    ),
    "block_image": (
        {"h": ("float32", ["B", NV, WIDTH]), "order": ("int64", ["B"])},
        {"h_out": ("float32", ["B", NV, WIDTH]), "k": IMAGE_CACHE, "v": IMAGE_CACHE},
    ),
    "block_decode": (
        {
            "h": ("float32", ["B", 2, WIDTH]),
            "order": ("int64", ["B"]),
            "k": CACHE,
            "v": CACHE,
            "mask": ("bool", ["B", "T"]),
        },
        {
            "h_out": ("float32", ["B", 2, WIDTH]),
            "r": ("float32", ["B", 1, WIDTH]),
            "k_new": ONE,
            "v_new": ONE,
        },
    ),
}


class Graph:
    """A small ONNX graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.weights: list[str] = []

    def __call__(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def weight(self, name: str) -> str:
        if name not in self.weights:
            self.weights.append(name)
        return name

    def mean(self, x: str, mask: str, axis: int) -> str:
        total = self("ReduceSum", self("Mul", x, mask), self.const([axis]))
        return self("Div", total, self("ReduceSum", mask, self.const([axis])))

    def mix(self, key: int, mean: str, out: str) -> str:
        scale = self("Gather", self.weight(f"scale{key}"), "order")
        scale = self("Unsqueeze", scale, self.const([1, 2]))
        inner = self("Tanh", self("Add", self("MatMul", "h", self.weight(f"w{key}")), mean))
        half = self("Mul", "h", self.const(0.5, np.float32))
        return self("Add", self("Mul", inner, scale), half, out=out)

    def heads(self, x: str, tokens: int, out: str) -> str:
        split = self("Reshape", x, self.const([-1, tokens, HEADS, HEAD_WIDTH]))
        return self("Transpose", split, out=out, perm=[0, 2, 1, 3])


def build(stage: str) -> Graph:
    g = Graph()
    kind, _, rest = stage.partition("[")
    name = rest[:-1]
    if kind == "stem" and name != "decode":
        flat = g("Cast", g("Flatten", "pixels"), to=TensorProto.FLOAT)
        product = g("MatMul", flat, g.weight("pix"))
        shape = g.const([-1, NV, WIDTH])
        if name == "caption":
            g("Reshape", product, shape, out="h")
        else:
            words = g("Gather", g.weight("embed"), "tokens")
            g("Concat", g("Reshape", product, shape), words, out="h", axis=1)
    elif kind == "stem":
        place = g("Unsqueeze", g("Gather", g.weight("pos"), "position"), g.const([1]))
        g("Add", g("Gather", g.weight("embed"), "tokens"), place, out="h")
    elif kind == "head":
        g("MatMul", g("Flatten", "y"), g.weight(f"head_{name}"), out="logits")
    elif kind == "block":
        mask = g("Unsqueeze", g("Cast", "mask", to=TensorProto.FLOAT), g.const([2]))
        g.mix(int(name), g.mean("h", mask, 1), "h_out")
        g("Gather", "h_out", g.const([0, NV]), out="r", axis=1)
    elif kind == "block_image":
        g.mix(int(name), g("ReduceMean", "h", g.const([1])), "h_out")
        g("Mul", g.heads("h_out", NV, "k"), g.const(2.0, np.float32), out="v")
    else:
        mask = g("Unsqueeze", g("Cast", "mask", to=TensorProto.FLOAT), g.const([1, 3]))
        total = g("ReduceSum", g("Mul", g("Add", "k", "v"), mask), g.const([2]), keepdims=0)
        mean = g("Div", total, g("ReduceSum", mask, g.const([2]), keepdims=0))
        g.mix(int(name), g("Reshape", mean, g.const([-1, 1, WIDTH])), "h_out")
        g("Slice", "h_out", g.const([1]), g.const([2]), g.const([1]), out="r")
        first = g("Slice", "h_out", g.const([0]), g.const([1]), g.const([1]))
        g("Mul", g.heads(first, 1, "k_new"), g.const(2.0, np.float32), out="v_new")
    return g


def _external(name: str, array: Array, offset: int) -> Any:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": WEIGHTS_NAME, "offset": offset, "length": array.nbytes}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def stage_file(folder: Path, stage: str, model: TinyModel, offsets: dict[str, int]) -> StageFile:
    sides = SPECS.get(stage) or BLOCK_SPECS[stage.partition("[")[0]]
    return graph_file(folder, stage, build(stage), sides, model, offsets)


def graph_file(
    folder: Path,
    stage: str,
    graph: Graph,
    sides: tuple[Sides, Sides],
    model: TinyModel,
    offsets: dict[str, int],
) -> StageFile:
    """Write a graph with its inputs and outputs; return its record."""
    external = [_external(n, model.weights[n], offsets[n]) for n in graph.weights]
    values = [
        [helper.make_tensor_value_info(n, ONNX_TYPES[d], s) for n, (d, s) in side.items()]
        for side in sides
    ]
    kind = stage.partition("[")[0]
    proto = helper.make_graph(graph.nodes, kind, *values, [*graph.constants, *external])
    onnx_model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    name = stage.replace("[", "_").replace(":", "_").replace("]", "") + ".onnx"
    (folder / name).write_bytes(onnx_model.SerializeToString())
    specs = [
        {n: TensorSpec(dtype=d, shape=tuple(s)) for n, (d, s) in side.items()} for side in sides
    ]
    return StageFile(
        file=name, inputs=specs[0], outputs=specs[1], initializers=tuple(graph.weights)
    )


def stage_names(config: ModelConfig) -> list[str]:
    blocks = [f"{kind}[{key}]" for key in range(config.keys) for kind in BLOCK_SPECS]
    unused = set() if "reason" in config.tasks else {"head[reason]"}
    return [*(stage for stage in SPECS if stage not in unused), *blocks]


def example_inputs(model: TinyModel, stage: str, batch: int, seed: int) -> dict[str, Array]:
    """Return distinct random inputs with a real mask."""
    inputs, _ = SPECS.get(stage) or BLOCK_SPECS[stage.partition("[")[0]]
    key = model.config.keys - 1 if stage in SPECS else int(stage.partition("[")[2][:-1])
    return draw_inputs(inputs, batch, seed, len(model.config.orders_of_key(key)))


def draw_inputs(inputs: Sides, batch: int, seed: int, orders: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    sizes = {"B": batch, "L": 6, "N": NV + 6, "T": NV + 4}
    highs = {"pixels": 256, "tokens": VOCAB, "position": 8, "order": orders}
    found: dict[str, Array] = {}
    for name, (dtype, symbols) in inputs.items():
        shape = tuple(sizes[s] if isinstance(s, str) else s for s in symbols)
        if dtype == "float32":
            found[name] = rng.standard_normal(shape).astype(np.float32)
        elif dtype == "bool":
            found[name] = np.arange(shape[1]) < rng.integers(NV, shape[1] + 1, (batch, 1))
        else:
            found[name] = rng.integers(0, highs[name], shape).astype(dtype)
    return found
