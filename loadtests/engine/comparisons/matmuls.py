"""The engine's whole loop against nothing but the model's matrix products, same library.

Theirs: one graph with every product of the stem, of as many blocks as the model has orders, and of
the head, in the shapes they have in the model; no norm, softmax, GELU, bias, residual, slice or
concatenation. Products of one kind follow each other in a chain; where a product's result does not
fit the next one's input, one token of it is kept as an output, so that nothing can be left out.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from artifact.config import ModelConfig
from artifact.manifest import StageFile, TensorSpec
from engine.backends.base import Array, Backend, LoadedStage
from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.live import LiveEngine, Monolith, draw_inputs, one_batch
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, summary, take_pairs
from loadtests.kit.progress import Report

BATCH = 8
LIMIT = 1.25
_BOUND_PAIRS = 5


class Products:
    """The matrix products of a VQA model with one key, as an ONNX graph.

    Args:
        config: of the model.
        text_tokens: padded text length.
        batch: rows.
    """

    def __init__(self, config: ModelConfig, text_tokens: int, batch: int) -> None:
        self.nodes: list[Any] = []
        self._weights: dict[str, Array] = {}
        self._rng = np.random.default_rng(0)
        self.inputs: dict[str, Array] = {}
        self.outputs: list[str] = []
        self._stem(config, batch)
        self._blocks(config, text_tokens, batch)
        self._head(config, batch)

    def _stem(self, config: ModelConfig, batch: int) -> None:
        side, patch = config.image_size, config.patch_size
        self._input("pixels", batch, 3, side, side)
        self._weight("patches", config.width, 3, patch, patch)
        sizes = {"kernel_shape": [patch, patch], "strides": [patch, patch]}
        self._node("Conv", "pixels", "patches", "patched", **sizes)
        self._keep_one("patched", axis=2)

    def _blocks(self, config: ModelConfig, text_tokens: int, batch: int) -> None:
        width, ffn, tokens = config.width, config.ffn_width, config.image_tokens + text_tokens
        for kind, count in (("image", config.image_tokens), ("text", text_tokens)):
            self._input(kind, batch, count, width)
            self._weight(f"{kind}.qkv", width, 3 * width)
            self._weight(f"{kind}.out", width, width)
        self._input("both", batch, tokens, width)
        branches = ("both",) if config.merged_feed_forward else ("image", "text")
        for kind in branches:
            self._weight(f"{kind}.fc1", width, ffn)
            self._weight(f"{kind}.fc2", ffn, width)
        self._input("q", batch, config.heads, tokens, config.head_width)
        self._input("k", batch, config.heads, config.head_width, tokens)
        self._input("v", batch, config.heads, tokens, config.head_width)
        self.inputs["k"] /= np.float32(config.head_width**0.5)
        self.inputs["v"] /= np.float32(tokens**0.5)
        ends = {kind: kind for kind in ("image", "text", "both", "q")}
        for order in range(config.orders):
            for kind in ("image", "text"):
                self._product(ends[kind], f"{kind}.qkv", f"{kind}.qkv.{order}")
                self._keep_one(f"{kind}.qkv.{order}", axis=1)
            ends["q"] = self._product(ends["q"], "k", f"scores.{order}")
            ends["q"] = self._product(ends["q"], "v", f"mixed.{order}")
            for kind in ("image", "text"):
                ends[kind] = self._product(ends[kind], f"{kind}.out", f"{kind}.out.{order}")
            for kind in branches:
                for step in ("fc1", "fc2"):
                    ends[kind] = self._product(
                        ends[kind], f"{kind}.{step}", f"{kind}.{step}.{order}"
                    )
        for kind in dict.fromkeys((*branches, "image", "text", "q")):
            self._keep_one(ends[kind], axis=1)

    def _head(self, config: ModelConfig, batch: int) -> None:
        width = config.width
        self._input("pooled", batch, width)
        end = "pooled"
        shapes = {"pooler": (width, width), "hidden": (width, 2 * width)}
        for name, shape in {**shapes, "answers": (2 * width, config.num_answers)}.items():
            self._weight(name, *shape)
            end = self._product(end, name, f"{name}.result")
        self.outputs.append(end)

    def _input(self, name: str, *shape: int) -> None:
        self.inputs[name] = self._rng.standard_normal(shape, np.float32)

    def _weight(self, name: str, *shape: int) -> None:
        inner = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        scale = np.float32(1 / np.sqrt(inner))  # keeps results about as large as inputs
        self._weights[name] = self._rng.standard_normal(shape, np.float32) * scale

    def _product(self, left: str, right: str, result: str) -> str:
        return self._node("MatMul", left, right, result)

    def _keep_one(self, name: str, axis: int) -> None:
        self._weights.setdefault("first", np.array([0], np.int64))
        self.outputs.append(self._node("Gather", name, "first", f"{name}.kept", axis=axis))

    def _node(self, kind: str, left: str, right: str, result: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, [left, right], [result], **attributes))
        return result

    def write(self, path: Path) -> StageFile:
        """Write the graph, weights inside; return its record."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        graph = helper.make_graph(
            self.nodes,
            "products",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *array.shape[1:]])
                for name, array in self.inputs.items()
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs],
            [numpy_helper.from_array(array, name) for name, array in self._weights.items()],
        )
        versions = [helper.make_opsetid("", 20)]
        onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=10), str(path))
        return StageFile(
            file=path.name,
            inputs={
                name: TensorSpec(dtype="float32", shape=("B", *array.shape[1:]))
                for name, array in self.inputs.items()
            },
            outputs={name: TensorSpec(dtype="float32", shape=("B",)) for name in self.outputs},
        )

    def load(self, backend: Backend) -> LoadedStage:
        """Return the graph loaded on a backend."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "products.onnx"
            spec = self.write(path)
            return backend.load("products", path, spec)


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend."""
    report("opening", 0.0)
    with LiveEngine(setup.artifacts / "base1", setup.backend, BATCH, setup.cache) as live:
        products = Products(live.artifact.manifest.config, TOKENS, BATCH)
        stage = products.load(live.pool.backend)
        inputs = draw_inputs(live.artifact, BATCH, TOKENS, setup.seed)

        def theirs() -> float:
            begun_s = time.perf_counter()
            stage.run(products.inputs)
            return time.perf_counter() - begun_s

        ours = partial(live.ask_together, inputs)
        for side in (ours, theirs, ours, theirs):
            side()
        live.apart = 0
        pairs = take_pairs(ours, theirs, setup.pairs, report)
        whole, batch = Monolith(live.artifact, live.pool.backend), one_batch(live.artifact, inputs)
        whole.seconds(batch)
        one_graph = take_pairs(
            partial(whole.seconds, batch), theirs, min(setup.pairs, _BOUND_PAIRS), report, "bound"
        )
        return [
            ratio_bar(
                f"engine.matmuls.{setup.backend}.batch{BATCH}.time-ratio",
                pairs,
                LIMIT,
                "s",
                library=live.pool.backend.library,
                groups_thrown_away=live.apart,
                one_graph_over_theirs=summary(one_graph),
            )
        ]
