"""The row of a caption: picture seen once, then one pass per word (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import Manifest
from artifact.program import STEM_DECODE, Program, Step
from engine.rows import Array


class Readout:
    """y of OTMV eq. 3: r summed over executed orders (`series`), or the last r (`last`), fp32."""

    def __init__(self, series: bool, tokens: int, width: int) -> None:
        self._series = series
        self.value = np.zeros((tokens, width), np.float32)

    def add(self, r: Array) -> None:
        """Take one executed order's r [tokens, D]."""
        self.value = self.value + r if self._series else np.asarray(r, np.float32)

    def reset(self) -> None:
        """Start again from zero."""
        self.value = np.zeros_like(self.value)


class CaptionRow:
    """A caption: the image pass once, then one decode pass per word with cached keys/values."""

    def __init__(
        self,
        manifest: Manifest,
        image: Program,
        decode: Program,
        pixels: Array,
        max_words: int,
        cache_buckets: tuple[int, ...],
    ) -> None:
        config, text = manifest.config, manifest.text
        self._image, self._decode = image, decode
        self._program, self._cursor = image, 0
        self._pixels = pixels
        self._text = text
        self._config = config
        self._buckets = cache_buckets
        self._max_words = max_words
        self._h: Array = np.empty(0, np.float32)
        self._y = Readout(config.readout == "series", 1, config.width)
        self._cache: dict[int, tuple[Array, Array]] = {}
        self.words: list[int] = []
        self.logits: NDArray[np.float32] | None = None
        self.done = False
        self.decoded = 0

    @property
    def step(self) -> Step:
        """Return the next step."""
        return self._program.steps[self._cursor]

    @property
    def cached(self) -> int:
        """Return how many entries of the cache are real: image tokens and earlier words."""
        return self._config.image_tokens + len(self.words)

    @property
    def bucket(self) -> int:
        """Return the padded cache length T for decode blocks, else 0."""
        if self._program is self._image or self.step.order is None:
            return 0
        return next(size for size in self._buckets if size >= self.cached)

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Become another variant before the first step."""
        if self._cursor or self._program is self._decode:
            raise ValueError("the row has started")
        self._image, self._decode = programs
        self._program = self._image

    def inputs(self) -> dict[str, Array]:
        """Return the next step's inputs."""
        step = self.step
        if step.order is not None:
            order = np.array(step.order_in_key, np.int64)
            if self._program is self._image:
                return {"h": self._h, "order": order}
            size = self.bucket
            k, v = (cache[:, :size] for cache in self._cache[step.order])
            mask = np.arange(size) < self.cached
            return {"h": self._h, "order": order, "k": k, "v": v, "mask": mask}
        if step.stage == STEM_DECODE:
            last = self.words[-1] if self.words else self._text.bos
            tokens = np.array([last, self._text.mask], np.int64)
            return {"tokens": tokens, "position": np.array(len(self.words), np.int64)}
        if step.stage.startswith("head"):
            return {"y": self._y.value}
        return {"pixels": self._pixels}

    def absorb(self, outputs: Mapping[str, Array]) -> None:
        """Take the step's outputs and move on."""
        order = self.step.order
        if "logits" in outputs:
            self._take_word(outputs["logits"])
            return
        if order is None:
            self._h = outputs["h"]
        elif self._program is self._image:
            self._h = outputs["h_out"]
            self._cache[order] = (self._grown(outputs["k"]), self._grown(outputs["v"]))
        else:
            self._h = outputs["h_out"]
            self._y.add(outputs["r"])
            for cache, name in zip(self._cache[order], ("k_new", "v_new"), strict=True):
                cache[:, self.cached] = outputs[name][:, 0]
        self._cursor += 1
        if self._program is self._image and self._cursor == len(self._image.steps):
            self._program, self._cursor = self._decode, 0

    def _grown(self, image_part: Array) -> Array:
        heads, tokens, width = image_part.shape
        cache = np.zeros((heads, self._buckets[-1], width), np.float32)
        cache[:, :tokens] = image_part
        return cache

    def _take_word(self, logits: Array) -> None:
        self.logits = logits
        self.decoded += 1
        word = int(np.argmax(logits))
        if word != self._text.eos:
            self.words.append(word)
        self.done = word == self._text.eos or len(self.words) >= self._max_words
        self._cursor = 0
        self._y.reset()
