"""Rows at different depths really share block calls, and each answers as it does alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import QUESTIONS, check_alone, question
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import Array, TinyModel, tiny_config
from tests.engine.pools.watched_engine import WatchedEngine

COUNT = 12
SHARED_KEYS = {"one key": (0,) * 6, "two keys": (0, 0, 0, 1, 1, 1)}


class StaggeredQuestions:
    """A question every few steps, asked from inside the engine's own calls: the same every time."""

    def __init__(
        self,
        artifact: Artifact,
        every: int,
        words: tuple[str, ...] = ("what colour",),
        variants: tuple[str | None, ...] = (None,),
    ) -> None:
        self.watched = WatchedEngine(artifact, max_batch=8)
        self.calls: list[tuple[str, list[int]]] = []
        self.sent: list[tuple[str, Future[Answer]]] = []
        self._every, self._words, self._variants = every, words, variants
        self._all_sent = threading.Event()
        self.watched.during = self._during

    def _send(self) -> None:
        seed = len(self.sent)
        words = self._words[seed % len(self._words)]
        variant = self._variants[seed % len(self._variants)]
        # Every second one is in a hurry, so that it cannot wait for rows under way.
        budget = Budget(max_latency_ms=(60_000, 12)[seed % 2], variant=variant)
        _, future = self.watched.send(question(seed, words), budget)
        self.sent.append((words, future))

    def _during(self, stage: str, inputs: Mapping[str, Array]) -> None:
        self.watched.clock.time_s += 0.001
        if stage.startswith("block["):
            self.calls.append((stage, inputs["order"].tolist()))
        if len(self.watched.steps) % self._every == 0 and len(self.sent) < COUNT:
            self._send()
        if len(self.sent) == COUNT:
            self._all_sent.set()

    def run(self) -> None:
        self.watched.gate.clear()
        self._send()
        self.watched.gate.set()
        assert self._all_sent.wait(20), "all had left before the next one came"
        assert self.watched.pool.drain(20)
        self.watched.close()

    @property
    def mixed(self) -> list[tuple[str, list[int]]]:
        """Block calls in which rows run different orders."""
        return [(stage, orders) for stage, orders in self.calls if len(set(orders)) > 1]


@pytest.fixture(scope="module", params=sorted(SHARED_KEYS))
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Artifact, TinyModel]:
    model = TinyModel(tiny_config(SHARED_KEYS[request.param]))
    quality = {"full": 0.9, "d5": 0.88, "d4": 0.86, "d3": 0.85, "d2": 0.8, "d1": 0.6}
    folder = tmp_path_factory.mktemp("depth") / "tiny"
    return write_tiny(folder, model, dict(quality)), model


@pytest.mark.parametrize("variants", [(None,), ("full", "d2", "d5", "d1", "d3")])
def test_staggered_rows_share_calls_at_different_orders(
    family: tuple[Artifact, TinyModel], variants: tuple[str | None, ...]
) -> None:
    """Rows of several variants join and leave one batch; which calls they share is policy."""
    artifact, model = family
    mixed: list[tuple[str, list[int]]] = []
    for every in (1, 2, 3):
        staggered = StaggeredQuestions(artifact, every, variants=variants)
        staggered.run()
        mixed += staggered.mixed
        for seed, (words, future) in enumerate(staggered.sent):
            answer = future.result(0)
            assert variants[seed % len(variants)] in (None, answer.variant)
            check_alone(artifact, model, answer, seed, words)
    assert mixed, "every call ran one order only"


@pytest.mark.parametrize("every", [1, 2])
def test_rows_of_different_text_lengths_never_share(
    family: tuple[Artifact, TinyModel], every: int
) -> None:
    artifact, model = family
    staggered = StaggeredQuestions(artifact, every, words=tuple(sorted(QUESTIONS)))
    staggered.run()
    assert all(len(set(seen.needs)) == 1 for seen in staggered.watched.steps)
    for seed, (words, future) in enumerate(staggered.sent):
        check_alone(artifact, model, future.result(0), seed, words)
