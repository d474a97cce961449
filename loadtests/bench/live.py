"""The two sides of most comparisons: a live engine, and the same variant as one graph."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artifact.program import whole_stage
from artifact.store import Artifact, open_artifact
from engine.backends.base import Array, Backend
from engine.config import EngineConfig
from engine.pool import EnginePool
from engine.types import Answer, Budget, VqaInput
from loadtests.bench.setup import BenchError

_TRIES = 25


class Live:
    """An open engine whose every call goes the way a server's does."""

    def __init__(
        self, root: Path, backend: str, max_batch: int, cache: Path, check_golden: bool = True
    ) -> None:
        self.artifact = open_artifact(root, verify=False)
        config = EngineConfig(
            backend=backend,
            max_batch=max_batch,
            cache_dir=cache,
            default_latency_ms=None,
            check_golden=check_golden,
        )
        self.pool = EnginePool.open(self.artifact, config)
        self.apart = 0
        """Groups thrown away because their rows did not share every step."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.close()

    def ask(
        self, inputs: Sequence[VqaInput], variants: Sequence[str]
    ) -> tuple[float, list[Answer]]:
        """Submit all at once; return the seconds from the first submit to the last answer.

        Admission, which a server does while pictures are still decoded, lies before.
        """
        now_s = time.perf_counter()
        tickets = [self.pool.admit("vqa", Budget(variant=each), now_s) for each in variants]
        begun_s = time.perf_counter()
        pairs = zip(tickets, inputs, strict=True)
        futures = [self.pool.submit(ticket, each) for ticket, each in pairs]
        answers = [future.result() for future in futures]
        return time.perf_counter() - begun_s, answers

    def ask_together(self, inputs: Sequence[VqaInput], variant: str = "full") -> float:
        """Like `ask`, but again until all rows shared every step; return the seconds.

        Raises:
            BenchError: they never did.
        """
        for _ in range(_TRIES):
            rows, steps = self._steps()
            seconds, _ = self.ask(inputs, [variant] * len(inputs))
            after_rows, after_steps = self._steps()
            if after_rows - rows == len(inputs) * (after_steps - steps):
                return seconds
            self.apart += 1
        raise BenchError(f"{len(inputs)} rows never shared every step in {_TRIES} tries")

    def _steps(self) -> tuple[float, float]:
        """Return rows run so far, summed over steps, and steps."""
        read = self.pool.telemetry.registry.get_sample_value
        rows, steps = read("otmv_step_rows_sum"), read("otmv_step_rows_count")
        return rows or 0.0, steps or 0.0


class Monolith:
    """A whole variant in one graph: what a server without this engine would run."""

    def __init__(self, artifact: Artifact, backend: Backend, variant: str = "full") -> None:
        name = whole_stage(variant)
        if name not in artifact.manifest.stages:
            raise BenchError(f"{artifact.root} has no {name}: export it with --whole full")
        spec = artifact.manifest.stages[name]
        self._stage = backend.load(name, artifact.path(spec.file), spec)

    def best(self, batch: dict[str, Array]) -> NDArray[np.intp]:
        """Return the index of the best answer of each row."""
        found: NDArray[np.intp] = self._stage.run(batch)["logits"].argmax(axis=1)
        return found

    def seconds(self, batch: dict[str, Array]) -> float:
        """Return the seconds of one call, arg-max included, softmax not."""
        begun_s = time.perf_counter()
        self.best(batch)
        return time.perf_counter() - begun_s


def draw_inputs(artifact: Artifact, count: int, tokens: int, seed: int) -> list[VqaInput]:
    """Return distinct random pictures, each with a question of `tokens` tokens."""
    side_px = artifact.manifest.config.image_size
    rng = np.random.default_rng(seed)
    question = question_of(artifact, tokens)
    return [
        VqaInput(rng.integers(0, 256, (side_px, side_px, 3), np.uint8), question)
        for _ in range(count)
    ]


def question_of(artifact: Artifact, tokens: int) -> str:
    """Return a question of that many tokens, [BOS] and [EOS] counted."""
    codec = artifact.text_codec()
    words = ["what", "color", "is", "the", "circle", *["small"] * tokens]
    for count in range(1, len(words) + 1):
        question = " ".join(words[:count])
        if len(codec.encode_question(question)) == tokens:
            return question
    raise BenchError(f"{artifact.root}: no question has {tokens} tokens")


def one_batch(artifact: Artifact, inputs: Sequence[VqaInput]) -> dict[str, Array]:
    """Return the inputs as one batch of a whole variant, padded as the engine pads."""
    codec, manifest = artifact.text_codec(), artifact.manifest
    texts = [codec.encode_question(each.question) for each in inputs]
    longest = max(map(len, texts))
    length = next(size for size in manifest.buckets.text_lengths if size >= longest)
    tokens: NDArray[Any] = np.full((len(texts), length), manifest.text.pad, np.int64)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    real = manifest.config.image_tokens + np.array([len(text) for text in texts])
    mask = np.arange(manifest.config.image_tokens + length)[None] < real[:, None]
    return {"pixels": np.stack([each.pixels for each in inputs]), "tokens": tokens, "mask": mask}
