"""The whole variants of the tiny model as hand-written ONNX graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from artifact.manifest import StageFile
from artifact.task import TASKS
from tests.engine.artifacts.tiny_graphs import SPECS, Graph, Sides, draw_inputs, graph_file
from tests.engine.artifacts.tiny_model import NV, SIDE, TRIO, WIDTH, Array
from tests.engine.artifacts.whole_model import VARIANTS, WHOLE, Heads


def whole_names() -> list[str]:
    """Return every stage of every whole variant."""
    return [stage for v in VARIANTS for task in TRIO for stage in TASKS[task].whole_stages(v)]


def sides_of(stage: str) -> tuple[Sides, Sides]:
    """Return a whole stage's inputs and outputs."""
    kind, _, rest = stage.partition("[")
    task, _, variant = rest[:-1].partition(":")
    heads = VARIANTS[variant].items()
    each = [(side, order, size) for order, size in heads for side in ("k", "v")]
    if kind == "whole":
        pixels = ["B", SIDE, SIDE, 3] if task == "vqa" else ["B", 2, SIDE, SIDE, 3]
        given: Sides = {"pixels": ("uint8", pixels), "tokens": ("int64", ["B", "L"])}
        return given | {"mask": ("bool", ["B", "N"])}, SPECS[f"head[{task}]"][1]
    if kind == "whole_image":
        left: Sides = {f"{s}.{k}": ("float32", ["B", c, NV, e]) for s, k, (c, e) in each}
        return SPECS["stem[caption]"][0], left
    read: Sides = {f"{s}.{k}": ("float32", ["B", c, "T", e]) for s, k, (c, e) in each}
    new: Sides = {f"{s}_new.{k}": ("float32", ["B", c, 1, e]) for s, k, (c, e) in each}
    given = SPECS["stem[decode]"][0] | {"mask": ("bool", ["B", "T"])}
    return given | read, SPECS["head[caption]"][1] | new


def whole_inputs(stage: str, batch: int, seed: int) -> dict[str, Array]:
    """Return distinct random inputs of a whole stage, with a real mask."""
    return draw_inputs(sides_of(stage)[0], batch, seed)


class _WholeGraph(Graph):
    """A whole stage under construction; tokens are the last axis but one."""

    def mixed(self, order: int, h: str, mean: str) -> str:
        key = WHOLE.config.key_of_order[order]
        at = self.const(WHOLE.config.order_in_key(order))
        scale = self("Gather", self.weight(f"scale{key}"), at)
        inner = self("Tanh", self("Add", self("MatMul", h, self.weight(f"w{key}")), mean))
        half = self("Mul", h, self.const(0.5, np.float32))
        return self("Add", self("Mul", inner, scale), half)

    def picture(self, axes: list[int]) -> str:
        """Pixels to [B, …, Nv, D]; `axes` stand before the picture's, 0 for as they are."""
        flat = self("Cast", self("Reshape", "pixels", self.const([*axes, SIDE * SIDE * 3])), to=1)
        return self(
            "Reshape", self("MatMul", flat, self.weight("pix")), self.const([*axes, NV, WIDTH])
        )

    def cut(self, x: str, axis: int, begin: int, end: int) -> str:
        return self("Slice", x, self.const([begin]), self.const([end]), self.const([axis]))

    def split(self, h: str, tokens: int, heads: Heads, side: str, order: int) -> None:
        """Write an order's keys and values: the first columns of h [B, tokens, D]."""
        count, width = heads
        part = self.cut(h, 2, 0, count * width)
        part = self("Reshape", part, self.const([-1, tokens, count, width]))
        k = self("Transpose", part, out=f"k{side}.{order}", perm=[0, 2, 1, 3])
        self("Mul", k, self.const(2.0, np.float32), out=f"v{side}.{order}")

    def answer(self, heads: dict[int, Heads], task: str) -> None:
        axes, axis = ([-1], 1) if task == "vqa" else ([-1, 2], 2)
        words = self("Gather", self.weight("embed"), "tokens")
        mask = self("Unsqueeze", self("Cast", "mask", to=1), self.const([-1]))
        if task == "reason":
            one = self("Unsqueeze", words, self.const([1]))
            words = self("Concat", one, one, axis=1)
            mask = self("Unsqueeze", mask, self.const([1]))
        h = self("Concat", self.picture(axes), words, axis=axis)
        y = ""
        for order in heads:
            h = self.mixed(order, h, self.mean(h, mask, axis))
            r = self("Gather", h, self.const([0, NV]), axis=axis)
            y = self("Add", y, r) if y else r
        self("MatMul", self("Flatten", y), self.weight(f"head_{task}"), out="logits")

    def image(self, heads: dict[int, Heads]) -> None:
        h = self.picture([-1])
        for order, size in heads.items():
            h = self.mixed(order, h, self("ReduceMean", h, self.const([1])))
            self.split(h, NV, size, "", order)

    def decode(self, heads: dict[int, Heads]) -> None:
        place = self("Unsqueeze", self("Gather", self.weight("pos"), "position"), self.const([1]))
        h = self("Add", self("Gather", self.weight("embed"), "tokens"), place)
        mask = self("Unsqueeze", self("Cast", "mask", to=1), self.const([1, 3]))
        y = ""
        for order, (count, width) in heads.items():
            both = self("Mul", self("Add", f"k.{order}", f"v.{order}"), mask)
            total = self("ReduceSum", both, self.const([2]), keepdims=0)
            mean = self("Div", total, self("ReduceSum", mask, self.const([2]), keepdims=0))
            mean = self("Reshape", mean, self.const([-1, 1, count * width]))
            lacks = WIDTH - count * width
            mean = self("Pad", mean, self.const([0, 0, 0, 0, 0, lacks])) if lacks else mean
            h = self.mixed(order, h, mean)
            r = self.cut(h, 1, 1, 2)
            y = self("Add", y, r) if y else r
            self.split(self.cut(h, 1, 0, 1), 1, (count, width), "_new", order)
        self("MatMul", self("Flatten", y), self.weight("head_caption"), out="logits")


def whole_file(folder: Path, stage: str, offsets: dict[str, int]) -> StageFile:
    kind, _, rest = stage.partition("[")
    task, _, variant = rest[:-1].partition(":")
    graph, heads = _WholeGraph(), VARIANTS[variant]
    if kind == "whole":
        graph.answer(heads, task)
    else:
        graph.image(heads) if kind == "whole_image" else graph.decode(heads)
    return graph_file(folder, stage, graph, sides_of(stage), WHOLE, offsets)
