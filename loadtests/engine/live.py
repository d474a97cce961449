"""The two sides of most comparisons: a live engine, and the same variant as one graph."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artifact.store import Artifact, open_artifact
from artifact.task import VQA
from engine.backends.base import Array, Backend
from engine.config import EngineConfig
from engine.pool import EnginePool
from engine.requests.request import Request
from engine.tasks.vqa import VqaInput
from engine.telemetry import Telemetry
from engine.types import Answer, Budget
from loadtests.kit.errors import BenchError

_TRIES = 25


class StepWatch(Telemetry):
    """Telemetry that remembers the rows of each step, and wakes a thread that waits for one."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.stepped = threading.Event()

    def restart(self) -> None:
        """Forget what was seen; call while the engine is idle."""
        self.rows.clear()
        self.stepped.clear()

    def step(self, rows: int) -> None:
        """Record one step."""
        super().step(rows)
        self.rows.append(rows)
        self.stepped.set()


class LiveEngine:
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
        self._watch = StepWatch()
        self._least = min(self.artifact.manifest.variants, key=lambda v: len(v.pattern)).id
        self.pool = EnginePool.open(self.artifact, config, self._watch)
        self.apart = 0
        """Groups thrown away because their rows did not share every step."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def ask(
        self, inputs: Sequence[VqaInput], variants: Sequence[str]
    ) -> tuple[float, list[Answer]]:
        """Submit all at once; return the seconds from the first submit to the last answer.

        Admission, which a server does while pictures are still to be decoded, lies before.
        """
        requests = self._admit(variants)
        begun_s = time.perf_counter()
        answers = [future.result() for future in self._submit(requests, inputs)]
        return time.perf_counter() - begun_s, answers

    def ask_together(self, inputs: Sequence[VqaInput], variant: str = "full") -> float:
        """Like `ask`, but again until all rows shared every step; return the seconds.

        A group whose first step shows that it is apart is cancelled at once.

        Raises:
            BenchError: they never did.
        """
        for _ in range(_TRIES):
            self._watch.restart()
            requests = self._admit([variant] * len(inputs))
            begun_s = time.perf_counter()
            futures = self._submit(requests, inputs)
            self._watch.stepped.wait()
            if self._watch.rows[0] == len(inputs):
                wait(futures)
                seconds = time.perf_counter() - begun_s
                if set(self._watch.rows) == {len(inputs)}:
                    return seconds
            self.apart += 1
            self.clear(requests, inputs[0])
        raise BenchError(f"{len(inputs)} rows never shared every step in {_TRIES} tries")

    def clear(self, requests: Iterable[Request], given: VqaInput) -> None:
        """Cancel requests and wait until the engine is idle."""
        for request in requests:
            self.pool.cancel(request)
        self.ask([given], [self._least])

    def _admit(self, variants: Sequence[str]) -> list[Request]:
        now_s = time.perf_counter()
        return [self.pool.admit(VQA.name, Budget(variant=each), now_s) for each in variants]

    def _submit(
        self, requests: Sequence[Request], inputs: Sequence[VqaInput]
    ) -> list[Future[Answer]]:
        pairs = zip(requests, inputs, strict=True)
        return [self.pool.submit(request, each) for request, each in pairs]


class Monolith:
    """A whole variant in one graph: what a server without this engine would run."""

    def __init__(self, artifact: Artifact, backend: Backend, variant: str = "full") -> None:
        (name,) = VQA.whole_stages(variant)
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
    side_px = artifact.manifest.config.image_size_of(VqaInput.task)
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
    image_tokens = manifest.config.image_tokens_of(VqaInput.task)
    real = image_tokens + np.array([len(text) for text in texts])
    mask = np.arange(image_tokens + length)[None] < real[:, None]
    return {"pixels": np.stack([each.pixels for each in inputs]), "tokens": tokens, "mask": mask}
