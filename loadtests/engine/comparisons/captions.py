"""Captions written together beside captions written one at a time, and what must not change by it.

beit3_base says how fast (random weights, so every text runs to its bound); the demo, which ends its
texts by itself, says whether they stay the same: streamed, and in company.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artifact.store import Artifact, open_artifact
from artifact.task import CAPTION, TaskName
from engine.config import EngineConfig
from engine.pool import EnginePool
from engine.tasks.caption import CaptionInput
from engine.telemetry import Telemetry
from engine.types import Answer, Budget
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, take_pairs
from loadtests.kit.progress import Report

REQUESTS, WORDS, BEAMS = 8, 16, 3
LEAST_RATIO = 3.0
_PICTURES = 40

Pixels = NDArray[np.uint8]


class CaptionWatch(Telemetry):
    """Telemetry that remembers each caption's decode passes, executed blocks and first word.

    `first_s` are the seconds from an arrival to its first word, in the order of the ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[int] = []
        self.first_s: list[float] = []
        self.blocks: list[int] = []

    def caption(self, variant: str, tokens: int, first_token_s: float) -> None:
        """Record an answered caption."""
        super().caption(variant, tokens, first_token_s)
        self.tokens.append(tokens)
        self.first_s.append(first_token_s)

    def work(self, task: TaskName, variant: str, busy_s: float, blocks: int) -> None:
        """Record what a request cost."""
        super().work(task, variant, busy_s, blocks)
        self.blocks.append(blocks)


class Writers:
    """An open engine that writes captions at its full variant."""

    def __init__(self, artifact: Artifact, backend: str, cache: Path) -> None:
        config = EngineConfig(
            backend=backend, max_batch=REQUESTS, cache_dir=cache, default_latency_ms=None
        )
        self.watch = CaptionWatch()
        self.pool = EnginePool.open(artifact, config, self.watch)

    def send(
        self,
        pixels: Pixels,
        words: int | None = None,
        beams: int = 1,
        on_text: Callable[[str], None] | None = None,
    ) -> Future[Answer]:
        """Submit one caption."""
        request = self.pool.admit(
            CAPTION.name, Budget(variant="full"), time.perf_counter(), rows=beams
        )
        return self.pool.submit(request, CaptionInput(pixels, words, beams), on_text)

    def texts(self, pictures: Sequence[Pixels], together: int) -> list[str]:
        """Write captions, `together` at once; return them in order."""
        found: list[str] = []
        for first in range(0, len(pictures), together):
            futures = [self.send(each) for each in pictures[first : first + together]]
            found += [future.result().text or "" for future in futures]
        return found

    def tokens_per_s(self, pictures: Sequence[Pixels], together: int) -> float:
        """Write captions of `WORDS` words, `together` at once; return decode passes per second.

        Counted from the first word of the first caption: image passes lie before.
        """
        passes, decoding_s = 0, 0.0
        for first in range(0, len(pictures), together):
            self.watch.tokens.clear()
            self.watch.first_s.clear()
            begun_s = time.perf_counter()
            futures = [self.send(each, WORDS) for each in pictures[first : first + together]]
            for future in futures:
                future.result()
            decoding_s += time.perf_counter() - begun_s - min(self.watch.first_s)
            passes += sum(tokens - 1 for tokens in self.watch.tokens)
        return passes / decoding_s


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bars of one backend."""
    report("opening", 0.0)
    base = open_artifact(setup.artifacts / "base1-caption", verify=False)
    writers = Writers(base, setup.backend, setup.cache)
    try:
        bars = [_together(writers, base, setup, report), _image_passes(writers, base, setup)]
    finally:
        writers.pool.close()
    report("texts", 0.9)
    demo = open_artifact(setup.demo, verify=False)
    writers = Writers(demo, setup.backend, setup.cache)
    try:
        return [*bars, *_same_texts(writers, demo, setup)]
    finally:
        writers.pool.close()


def _together(writers: Writers, base: Artifact, setup: EngineBench, report: Report) -> Bar:
    pictures = _draw(base, REQUESTS, setup.seed)
    writers.tokens_per_s(pictures, REQUESTS)
    pairs = take_pairs(
        lambda: writers.tokens_per_s(pictures, REQUESTS),
        lambda: writers.tokens_per_s(pictures, 1),
        setup.pairs,
        lambda what, share: report(what, 0.8 * share),
    )
    return ratio_bar(
        f"engine.captions-together.{setup.backend}",
        pairs,
        LEAST_RATIO,
        "/s, decode passes",
        at_least=True,
        library=writers.pool.backend.library,
        words=WORDS,
        requests=REQUESTS,
    )


def _image_passes(writers: Writers, base: Artifact, setup: EngineBench) -> Bar:
    """Count the image passes of a caption with beams from the blocks it executed."""
    (picture,) = _draw(base, 1, setup.seed)
    writers.watch.tokens.clear()
    writers.watch.blocks.clear()
    depth = writers.send(picture, WORDS, BEAMS).result().executed_blocks
    (tokens,), (blocks,) = writers.watch.tokens, writers.watch.blocks
    passes = (blocks - BEAMS * depth * tokens) / depth
    name = f"engine.captions-image-passes-of-{BEAMS}-beams.{setup.backend}"
    return Bar(name, passes, 1.0, False, f"{blocks} blocks, {tokens} words, {depth} orders")


def _same_texts(writers: Writers, demo: Artifact, setup: EngineBench) -> list[Bar]:
    pictures = _pictures(demo, setup.seed)
    alone = writers.texts(pictures, 1)
    company = writers.texts(pictures, REQUESTS)
    streamed = []
    for picture in pictures:
        pieces: list[str] = []
        writers.send(picture, on_text=pieces.append).result()
        streamed.append("".join(pieces))
    return [
        _share(f"engine.captions-in-company.{setup.backend}", alone, company),
        _share(f"engine.captions-streamed.{setup.backend}", alone, streamed),
    ]


def _share(name: str, alone: Sequence[str], other: Sequence[str]) -> Bar:
    same = sum(a == b for a, b in zip(alone, other, strict=True))
    spread = f"{same} of {len(alone)} texts the same, {len(set(alone))} different ones"
    return Bar(name, same / len(alone), 1.0, True, spread)


def _draw(artifact: Artifact, count: int, seed: int) -> list[Pixels]:
    side_px = artifact.manifest.config.image_size_of(CaptionInput.task)
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side_px, side_px, 3), np.uint8) for _ in range(count)]


def _pictures(artifact: Artifact, seed: int) -> list[Pixels]:
    """Return pictures with things on them, else every text is the same: blocks of color."""
    side_px = artifact.manifest.config.image_size_of(CaptionInput.task)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_PICTURES):
        picture = np.full((side_px, side_px, 3), 235, np.uint8)
        for _ in range(int(rng.integers(1, 5))):
            top, left = (int(at) * side_px // 4 for at in rng.integers(0, 4, 2))
            size = side_px // 6
            picture[top + 3 : top + 3 + size, left + 3 : left + 3 + size] = rng.integers(0, 256, 3)
        found.append(picture)
    return found
