"""One pass of a method: its stages on one backend, called with the same inputs as every method's.

A question and a statement are one call. A caption is one call for the picture and one per word;
keys and values are copied into arrays of full length in between, as the engine keeps them. The
words are given, not chosen: every method writes the same ones. Nothing else is in it: no queue, no
tokenizer, no search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from artifact.manifest import Manifest, StageFile
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.backends.base import Array, Backend, LoadedStage
from loadtests.kit.asking.tasks.asked import PassWork
from loadtests.kit.errors import BenchError
from loadtests.kit.pairs import Side


@dataclass(frozen=True)
class PassInputs:
    """What every method of a task is given.

    `first`: pixels uint8 [B,S,S,3] ([B,2,S,S,3] of a statement) and, but of a caption, tokens int64
    [B,L] and mask bool [B,Nv+L], all True. `words` int64 [W,B,2]: at each word the last one and
    [MASK]; none but of a caption. L is the largest text bucket, which FLOPs are counted at.
    """

    first: Mapping[str, Array]
    words: Array


def draw_inputs(manifest: Manifest, task: TaskName, work: PassWork, seed: int) -> PassInputs:
    """Return random inputs.

    Raises:
        BenchError: the artifact's captions are too short for the words.
    """
    config, text, rng = manifest.config, manifest.text, np.random.default_rng(seed)
    if work.words >= text.max_caption_tokens:
        raise BenchError(f"{manifest.name}: captions have {text.max_caption_tokens - 1} words")
    asked = TASKS[task]
    pictures = (asked.pictures,) if asked.pictures > 1 else ()
    side_px = config.image_size_of(task)
    shape = (work.batch, *pictures, side_px, side_px, 3)
    first: dict[str, Array] = {"pixels": rng.integers(0, 256, shape, np.uint8)}
    words = np.full((work.words, work.batch, 2), text.mask, np.int64)
    words[..., 0] = rng.integers(0, config.vocab_size, words.shape[:2])
    words[:1, :, 0] = text.bos
    if asked.text is not None:
        length = manifest.buckets.text_lengths[-1]
        first["tokens"] = rng.integers(0, config.vocab_size, (work.batch, length))
        first["mask"] = np.ones((work.batch, config.image_tokens_of(task) + length), np.bool_)
    return PassInputs(first, words)


class Passes:
    """Makes every method's pass. Arrays for keys and values are shared: passes come in turns."""

    def __init__(
        self, gallery: Artifact, backend: Backend, task: TaskName, inputs: PassInputs
    ) -> None:
        self._gallery, self._backend = gallery, backend
        self._task, self._inputs = task, inputs
        self._caches: dict[tuple[str, tuple[int, ...]], Array] = {}

    def side(self, method: str) -> Side:
        """Load a method and return what measures one pass of it, in seconds.

        Raises:
            BenchError: its answer is not finite.
            EngineError: the backend refuses it.
        """
        names = TASKS[self._task].whole_stages(method)
        records = [self._gallery.manifest.stages[name] for name in names]
        stages = [
            self._backend.load(name, self._gallery.path(record.file), record)
            for name, record in zip(names, records, strict=True)
        ]
        run = self._one_call(stages[0])
        if TASKS[self._task].writes:
            run = self._caption(stages[0], stages[1], records[1])
        if not np.isfinite(run()).all():
            raise BenchError(f"{self._gallery.root}: the answers of {method} are not finite")

        def seconds() -> float:
            begun_s = time.perf_counter()
            run()
            return time.perf_counter() - begun_s

        return seconds

    def _one_call(self, stage: LoadedStage) -> Callable[[], Array]:
        return lambda: stage.run(self._inputs.first)["logits"]

    def _caption(
        self, image: LoadedStage, decode: LoadedStage, record: StageFile
    ) -> Callable[[], Array]:
        """Return a pass that ends with the last word's logits."""
        config, words = self._gallery.manifest.config, self._inputs.words
        caches = {
            name: self._cache(name, spec.shape)
            for name, spec in record.inputs.items()
            if name.startswith(("k.", "v."))
        }
        batch, cached = words.shape[1], self._cached_tokens
        position = np.zeros(batch, np.int64)
        mask = np.zeros((batch, cached), np.bool_)
        given = {**caches, "position": position, "mask": mask}

        def run() -> Array:
            seen = config.image_tokens_of(self._task)
            for name, array in image.run(self._inputs.first).items():
                caches[name][:, :, :seen] = array
            mask[:, :seen], mask[:, seen:] = True, False
            logits = np.empty(0, np.float32)
            for number, last in enumerate(words):
                position[:] = number
                found = decode.run({**given, "tokens": last})
                for name, cache in caches.items():
                    kind, _, order = name.partition(".")
                    cache[:, :, seen + number] = found[f"{kind}_new.{order}"][:, :, 0]
                mask[:, seen + number] = True
                logits = found["logits"]
            return logits

        return run

    @property
    def _cached_tokens(self) -> int:
        manifest = self._gallery.manifest
        image_tokens = manifest.config.image_tokens_of(self._task)
        return image_tokens + manifest.text.max_caption_tokens

    def _cache(self, name: str, shape: tuple[int | str, ...]) -> Array:
        """Return an array [B,heads,T,e] for keys or values of an order; the graph says heads, e."""
        _, heads, _, width = shape
        size = (self._inputs.words.shape[1], int(heads), self._cached_tokens, int(width))
        return self._caches.setdefault((name, size), np.zeros(size, np.float32))
