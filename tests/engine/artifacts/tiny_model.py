"""The tiny model in NumPy: the twin every graph of the tiny artifact is checked against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.task import TaskName

Array = NDArray[Any]
SIDE, PATCH, WIDTH, HEADS, VOCAB, ANSWERS = 4, 2, 4, 2, 12, 6
NV, HEAD_WIDTH = 5, 2
WORDS = ["[PAD]", "[BOS]", "[EOS]", "[UNK]", "[MASK]", "what", "colour", "is", "red", "a", "b", "c"]
LABELS = ["red", "green", "blue", "yes", "no", "two"]


TRIO: tuple[TaskName, ...] = ("vqa", "caption", "reason")


def tiny_config(
    key_of_order: tuple[int, ...] = (0, 0, 1, 1), tasks: tuple[TaskName, ...] = TRIO[:2]
) -> ModelConfig:
    return ModelConfig(
        name="tiny",
        image_size=SIDE,
        patch_size=PATCH,
        width=WIDTH,
        heads=HEADS,
        ffn_width=8,
        vocab_size=VOCAB,
        max_text_positions=16,
        key_of_order=key_of_order,
        merged_feed_forward=True,
        readout="series",
        skip_probability=0.1,
        num_answers=ANSWERS,
        tasks=tasks,
    )


@dataclass
class TinyModel:
    """Weights, and the NumPy reference of every stage."""

    config: ModelConfig = field(default_factory=tiny_config)
    seed: int = 163  # captions of several lengths and words

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)

        def draw(*shape: int) -> Array:
            return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

        self.weights: dict[str, Array] = {
            "pix": draw(SIDE * SIDE * 3, NV * WIDTH) / 64,
            "embed": 2 * draw(VOCAB, WIDTH),
            "pos": 6 * draw(16, WIDTH),
            "head_vqa": draw(2 * WIDTH, ANSWERS),
            "head_caption": draw(WIDTH, VOCAB),
        }
        for key in range(self.config.keys):
            self.weights[f"w{key}"] = draw(WIDTH, WIDTH)
            count = len(self.config.orders_of_key(key))
            scale = 1 + 0.25 * np.arange(count) + 0.1 * key
            self.weights[f"scale{key}"] = scale.astype(np.float32)
        if "reason" in self.config.tasks:
            self.weights["head_reason"] = draw(2 * 2 * WIDTH, 2)

    def _mix(self, key: int, order: Array, h: Array, mean: Array) -> Array:
        scale = self.weights[f"scale{key}"][order][:, None, None]
        return np.tanh(h @ self.weights[f"w{key}"] + mean) * scale + h * np.float32(0.5)

    def run(self, stage: str, x: dict[str, Array]) -> dict[str, Array]:
        """Return what a stage must return for batched inputs."""
        kind, _, rest = stage.partition("[")
        w = self.weights
        if kind == "stem" and rest != "decode]":
            flat = x["pixels"].reshape(len(x["pixels"]), -1).astype(np.float32)
            image = (flat @ w["pix"]).reshape(-1, NV, WIDTH)
            if rest == "caption]":
                return {"h": image}
            return {"h": np.concatenate([image, w["embed"][x["tokens"]]], axis=1)}
        if kind == "stem":
            return {"h": w["embed"][x["tokens"]] + w["pos"][x["position"]][:, None]}
        if kind == "head":
            y = x["y"].reshape(len(x["y"]), -1)
            return {"logits": y @ w[f"head_{rest[:-1]}"]}
        key = int(rest[:-1])
        batch = len(x["h"])
        if kind == "block":
            real = x["mask"][:, :, None].astype(np.float32)
            mean = (x["h"] * real).sum(1, keepdims=True) / real.sum(1, keepdims=True)
            h = self._mix(key, x["order"], x["h"], mean)
            return {"h_out": h, "r": h[:, [0, NV]]}
        if kind == "block_image":
            h = self._mix(key, x["order"], x["h"], x["h"].mean(1, keepdims=True))
            k = h.reshape(batch, NV, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)
            return {"h_out": h, "k": k, "v": k * np.float32(2)}
        real = x["mask"][:, None, :, None].astype(np.float32)
        mean = ((x["k"] + x["v"]) * real).sum(2) / real.sum(2)
        h = self._mix(key, x["order"], x["h"], mean.reshape(batch, 1, WIDTH))
        k = h[:, :1].reshape(batch, 1, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)
        return {"h_out": h, "r": h[:, 1:], "k_new": k, "v_new": k * np.float32(2)}

    def vqa(self, pattern: SkipPattern, pixels: Array, tokens: list[int]) -> Array:
        """Return logits of one question, unpadded and alone."""
        return self.run("head[vqa]", {"y": self.read_out(pattern, pixels, tokens)})["logits"][0]

    def reason(self, pattern: SkipPattern, pixels: tuple[Array, Array], tokens: list[int]) -> Array:
        """Return logits of one statement: each picture by itself, joined at the head."""
        y = np.stack([self.read_out(pattern, picture, tokens)[0] for picture in pixels])
        return self.run("head[reason]", {"y": y[None]})["logits"][0]

    def read_out(self, pattern: SkipPattern, pixels: Array, tokens: list[int]) -> Array:
        """Return what the head reads, [1, 2, D]."""
        ids = np.array([tokens], np.int64)
        h = self.run("stem[vqa]", {"pixels": pixels[None], "tokens": ids})["h"]
        mask = np.ones(h.shape[:2], bool)
        y = np.zeros((1, 2, WIDTH), np.float32)
        for k in pattern.executed:
            order = np.array([self.config.order_in_key(k)])
            stage = f"block[{self.config.key_of_order[k]}]"
            out = self.run(stage, {"h": h, "order": order, "mask": mask})
            h, y = out["h_out"], y + out["r"]
        return y

    def caption(self, pattern: SkipPattern, pixels: Array, max_words: int) -> list[int]:
        """Return the words of one caption, decoded alone without padding."""
        h = self.run("stem[caption]", {"pixels": pixels[None]})["h"]
        cache: dict[int, tuple[Array, Array]] = {}
        for k in pattern.executed:
            order = np.array([self.config.order_in_key(k)])
            out = self.run(f"block_image[{self.config.key_of_order[k]}]", {"h": h, "order": order})
            h, cache[k] = out["h_out"], (out["k"], out["v"])
        words: list[int] = []
        while len(words) < max_words:
            tokens = np.array([[words[-1] if words else 1, 4]])
            h = self.run("stem[decode]", {"tokens": tokens, "position": np.array([len(words)])})[
                "h"
            ]
            y = np.zeros((1, 1, WIDTH), np.float32)
            for k in pattern.executed:
                kk, vv = cache[k]
                inputs = {
                    "h": h,
                    "order": np.array([self.config.order_in_key(k)]),
                    "k": kk,
                    "v": vv,
                }
                inputs["mask"] = np.ones((1, kk.shape[2]), bool)
                out = self.run(f"block_decode[{self.config.key_of_order[k]}]", inputs)
                h, y = out["h_out"], y + out["r"]
                cache[k] = (
                    np.concatenate([kk, out["k_new"]], axis=2),
                    np.concatenate([vv, out["v_new"]], axis=2),
                )
            word = int(self.run("head[caption]", {"y": y})["logits"][0].argmax())
            if word == 2:
                break
            words.append(word)
        return words


MODEL = TinyModel()
TRIO_MODEL = TinyModel(tiny_config(tasks=TRIO))
"""The same weights, with statements too."""


def picture(seed: int = 0) -> Array:
    """Return random pixels [S, S, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)


def picture_pair(seed: int) -> tuple[Array, Array]:
    """Return the two pictures of a statement."""
    return picture(seed), picture(seed + 100)
