"""Variants of the tiny model in one graph each, with heads of their own per order: their twin.

Some have the composed stages' numbers, with their keys and values laid out in other heads. `slim`
has fewer: there what an order reads of a caption's picture and words is cut short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artifact.task import TASKS
from tests.engine.artifacts.reference_captions import BOS, EOS, MASK, beam_search
from tests.engine.artifacts.tiny_model import NV, TRIO, WIDTH, Array, TinyModel, tiny_config

Heads = tuple[int, int]
"""How many heads, and their width."""

VARIANTS: dict[str, dict[int, Heads]] = {
    "full": {0: (2, 2), 1: (2, 2), 2: (2, 2), 3: (2, 2)},
    "p1011": {0: (1, 4), 2: (2, 2), 3: (4, 1)},
    "d2": {0: (4, 1), 1: (2, 2)},
    "slim": {0: (2, 2), 1: (1, 3), 2: (3, 1), 3: (1, 1)},
}
"""Variant to the heads of each order it executes."""

COMPOSABLE = ["full", "p1011", "d2"]
"""The variants that have the composed stages' numbers."""


@dataclass
class WholeModel(TinyModel):
    """The twin of composed stages and whole ones."""

    def run(self, stage: str, x: dict[str, Array]) -> dict[str, Array]:
        kind, _, rest = stage.partition("[")
        if not kind.startswith("whole"):
            return super().run(stage, x)
        task, _, variant = rest[:-1].partition(":")
        heads = VARIANTS[variant]
        if kind == "whole_image":
            return self._image(heads, x)
        if kind == "whole_decode":
            return self._decode(heads, x)
        sides = x["pixels"][:, None] if task == "vqa" else x["pixels"]
        y = [self._whole(heads, sides[:, side], x) for side in range(sides.shape[1])]
        return super().run(f"head[{task}]", {"y": np.stack(y, 1)})

    def _whole(self, heads: dict[int, Heads], pixels: Array, x: dict[str, Array]) -> Array:
        h = super().run("stem[vqa]", {"pixels": pixels, "tokens": x["tokens"]})["h"]
        y = np.zeros((len(pixels), 2, WIDTH), np.float32)
        for order in heads:
            out = self._block("block", order, h, mask=x["mask"])
            h, y = out["h_out"], y + out["r"]
        return y

    def _block(self, kind: str, order: int, h: Array, **more: Array) -> dict[str, Array]:
        given = {"h": h, "order": self._at(order, h), **more}
        return super().run(f"{kind}[{self.config.key_of_order[order]}]", given)

    def _at(self, order: int, h: Array) -> Array:
        return np.full(len(h), self.config.order_in_key(order))

    def _image(self, heads: dict[int, Heads], x: dict[str, Array]) -> dict[str, Array]:
        h = super().run("stem[caption]", x)["h"]
        found: dict[str, Array] = {}
        for order, size in heads.items():
            h = self._block("block_image", order, h)["h_out"]
            found[f"k.{order}"] = _split(h, size)
            found[f"v.{order}"] = found[f"k.{order}"] * np.float32(2)
        return found

    def _decode(self, heads: dict[int, Heads], x: dict[str, Array]) -> dict[str, Array]:
        h = super().run("stem[decode]", x)["h"]
        y = np.zeros((len(h), 1, WIDTH), np.float32)
        real = x["mask"][:, None, :, None].astype(np.float32)
        found: dict[str, Array] = {}
        for order, (count, width) in heads.items():
            both = x[f"k.{order}"] + x[f"v.{order}"]
            mean = np.zeros((len(h), 1, WIDTH), np.float32)
            seen = (both * real).sum(2) / real.sum(2)
            mean[:, 0, : count * width] = seen.reshape(len(h), -1)
            h = self._mix(self.config.key_of_order[order], self._at(order, h), h, mean)
            y = y + h[:, 1:]
            found[f"k_new.{order}"] = _split(h[:, :1], (count, width))
            found[f"v_new.{order}"] = found[f"k_new.{order}"] * np.float32(2)
        return found | super().run("head[caption]", {"y": y})


def _split(h: Array, heads: Heads) -> Array:
    """The first columns of h [B, n, D] as [B, heads, n, e]."""
    count, width = heads
    part = h[:, :, : count * width]
    return part.reshape(*h.shape[:2], count, width).transpose(0, 2, 1, 3)


WHOLE = WholeModel(tiny_config(tasks=TRIO))


class WholeCaptioner:
    """The next words of a whole variant for one picture, from nothing each time: no pool."""

    def __init__(self, variant: str, pixels: Array) -> None:
        image, self._stage = TASKS["caption"].whole_stages(variant)
        self._image = WHOLE.run(image, {"pixels": pixels[None]})

    def __call__(self, words: tuple[int, ...]) -> Array:
        caches, out = dict(self._image), {}
        for position, last in enumerate((BOS, *words)):
            given = {"tokens": np.array([[last, MASK]]), "position": np.array([position])}
            given["mask"] = np.ones((1, NV + position), bool)
            out = WHOLE.run(self._stage, given | caches)
            for name, cache in caches.items():
                side, _, order = name.partition(".")
                caches[name] = np.concatenate([cache, out[f"{side}_new.{order}"]], axis=2)
        found: Array = out["logits"][0]
        return found

    def text(self, width: int, limit: int) -> list[int]:
        """Return the words of a caption; `width` beams."""
        return beam_search(self, width, EOS, limit)
