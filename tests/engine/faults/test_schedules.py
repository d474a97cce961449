"""Random schedules of arrivals, cancellations, time and faults: each request ends exactly once."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact.store import Artifact
from artifact.task import VQA, TaskName
from engine.config import EngineConfig
from engine.errors import EngineError, InferenceFailed
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import LABELS, Array, TinyModel, picture
from tests.engine.pools.fake_backend import fake_pool
from tests.engine.pools.request_counts import request_counts

MODEL = TinyModel()
_SHARED: dict[str, Artifact] = {}


@pytest.fixture(autouse=True, scope="module")
def _share(tmp_path_factory: pytest.TempPathFactory) -> None:
    _SHARED["artifact"] = write_tiny(tmp_path_factory.mktemp("schedules") / "tiny", MODEL)


budgets = st.builds(
    Budget,
    max_latency_ms=st.none() | st.sampled_from([0.5, 3.0, 8.0, 50.0, 500.0]),
    max_memory_mb=st.sampled_from([None] * 9 + [1e-6]),
    min_quality=st.sampled_from([None, None, None, 0.7, 0.85]),
    variant=st.sampled_from([None] * 6 + ["full", "d2", "d1", "d9"]),
    on_miss=st.sampled_from(["degrade", "reject"]),
)
asks = st.lists(
    st.tuples(budgets, st.sampled_from(["vqa", "caption"]), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)
events = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), asks),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("time"), st.sampled_from([0.001, 0.01, 0.1, 12.0])),
        st.tuples(st.just("hold")),
        st.tuples(st.just("release")),
        st.tuples(st.just("fault"), st.sampled_from(["stem[vqa]", "block[0]", "head[caption]"])),
    ),
    min_size=6,
    max_size=24,
)


class ScheduleRunner:
    """Plays a schedule on a fake pool and remembers what was asked."""

    def __init__(self, max_batch: int, queue_limit: int) -> None:
        config = EngineConfig(
            cache_dir=Path("unused"), max_batch=max_batch, queue_limit=queue_limit
        )
        self.artifact = _SHARED["artifact"]
        self.pool, self.backend, self.clock = fake_pool(self.artifact, MODEL, config)
        self.backend.hook = self._hook
        self.faults: list[str] = []
        self.asked = 0
        self.open: list[tuple[Request, int, Future[Answer]]] = []

    def _hook(self, stage: str, inputs: dict[str, Array]) -> None:
        if stage in self.faults:
            self.faults.remove(stage)
            raise InferenceFailed(stage, "broken for the test")

    def ask(self, asks: list[tuple[Budget, TaskName, int]]) -> None:
        for budget, task, seed in asks:
            self._ask(budget, task, seed)

    def _ask(self, budget: Budget, task: TaskName, seed: int) -> None:
        self.asked += 1
        pixels = picture(seed)
        vqa = VqaInput(pixels, "what colour", 1)
        try:
            request = self.pool.admit(task, budget, self.clock.time_s)
            future = self.pool.submit(request, vqa if task == "vqa" else CaptionInput(pixels, None))
        except EngineError:
            return
        self.open.append((request, seed, future))

    def cancel(self, number: int) -> None:
        if self.open:
            self.pool.cancel(self.open[number % len(self.open)][0])

    def time(self, seconds: float) -> None:
        self.clock.time_s += seconds

    def hold(self) -> None:
        self.backend.gate.clear()

    def release(self) -> None:
        self.backend.gate.set()

    def fault(self, stage: str) -> None:
        self.faults.append(stage)


@settings(max_examples=50, deadline=None)
@given(events, st.integers(1, 8), st.integers(1, 12))
def test_every_request_ends_exactly_once(
    schedule: list[tuple[Any, ...]], max_batch: int, queue_limit: int
) -> None:
    runner = ScheduleRunner(max_batch, queue_limit)
    for name, *arguments in schedule:
        getattr(runner, name)(*arguments)
    runner.release()
    assert runner.pool.drain(20)
    runner.pool.close()
    assert sum(request_counts(runner.pool).values()) == runner.asked
    for request, seed, future in runner.open:
        assert future.done()
        if future.exception(0) is None:
            check_answer(runner.artifact, request, seed, future.result(0))


def check_answer(artifact: Artifact, request: Request, seed: int, answer: Answer) -> None:
    """The answer is the variant's own, and within the hard budgets."""
    budget = request.budget
    pattern = artifact.manifest.pattern(answer.variant)
    assert answer.executed == pattern.executed
    assert budget.variant in (None, answer.variant)
    if budget.min_quality is not None:
        assert answer.quality is not None
        assert answer.quality >= budget.min_quality
    if budget.on_miss == "reject":
        assert answer.deadline_met is not False
    if request.task is VQA:
        logits = MODEL.vqa(pattern, picture(seed), [1, 5, 6, 2])
        assert answer.labels[0][0] == LABELS[int(logits.argmax())]
    else:
        words = MODEL.caption(pattern, picture(seed), 6)
        assert answer.text == artifact.text_codec().decode(words)
