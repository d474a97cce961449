"""Cancels, faults and endings: each request ends exactly once."""

from __future__ import annotations

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import (
    Cancelled,
    Draining,
    InferenceFailed,
    QueueFull,
)
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.answers.model_answers import expected
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.request_counts import request_counts


def test_a_cancelled_request_stops_within_one_step(engine: FakeEngine) -> None:
    engine.backend.hold()
    request = engine.admit()
    future = engine.pool.submit(request, VqaInput(picture(), "what"))
    engine.backend.wait_inside()
    engine.pool.cancel(request)
    with pytest.raises(Cancelled):
        future.result(0)
    engine.backend.gate.set()
    assert engine.send(seed=1).result(20)
    stages = [stage for stage, _ in engine.backend.calls]
    assert stages.count("stem[vqa]") == 2
    assert stages.count("head[vqa]") == 1
    engine.pool.cancel(request)
    assert request_counts(engine.pool) == {("full", "cancelled"): 1, ("full", "ok"): 1}


def test_a_request_cancelled_before_submission(engine: FakeEngine) -> None:
    request = engine.admit()
    engine.pool.cancel(request)
    with pytest.raises(Cancelled):
        engine.pool.submit(request, VqaInput(picture(), "what"))
    assert engine.backend.calls == []


def test_a_batch_that_throws_is_tried_row_by_row(engine: FakeEngine, tiny: Artifact) -> None:
    poison = picture(3)

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "stem[vqa]" and any((p == poison).all() for p in inputs["pixels"]):
            raise InferenceFailed(stage, "this picture")

    engine.backend.hook = hook
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    others = [engine.send(seed=seed) for seed in range(1, 6)]
    engine.backend.gate.set()
    first.result(20)
    for seed, future in enumerate(others, start=1):
        if seed == 3:
            with pytest.raises(InferenceFailed, match="this picture"):
                future.result(20)
        else:
            assert future.result(20).labels[0][0] == expected(tiny, "full", seed)
    assert request_counts(engine.pool) == {("full", "ok"): 5, ("full", "error"): 1}


def test_a_backend_that_throws_once_changes_no_answer(engine: FakeEngine) -> None:
    failures = iter([ValueError("hiccup")])

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "block[1]" and (error := next(failures, None)) is not None:
            raise error

    engine.backend.hook = hook
    assert engine.send().result(20).variant == "full"


def test_a_fault_of_the_engine_itself_ends_the_request_and_not_the_loop(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = engine.admit()
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(engine.pool).variants, "start", lambda *args: 1 / 0)
        with pytest.raises(InferenceFailed, match="ZeroDivisionError"):
            engine.pool.submit(request, VqaInput(picture(), "what")).result(20)
    assert engine.send().result(20)


def test_numbers_that_are_not_finite_fail_only_their_request(
    engine: FakeEngine, tiny: Artifact
) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != "head[vqa]" or len(inputs["y"]) < 4:
            return None
        outputs = MODEL.run(stage, inputs)
        outputs["logits"][2] = np.nan
        return outputs

    engine.backend.hook = hook
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    others = [engine.send(seed=seed) for seed in range(1, 5)]
    engine.backend.gate.set()
    first.result(20)
    errors = [future.exception(20) for future in others]
    assert [type(error) for error in errors].count(InferenceFailed) == 1
    assert errors.count(None) == 3
    assert engine.send().result(20)


def test_the_queue_is_bounded(tiny: Artifact) -> None:
    engine = FakeEngine(tiny, queue_limit=3)
    admitted = [engine.admit() for _ in range(3)]
    with pytest.raises(QueueFull) as caught:
        engine.admit()
    assert caught.value.retry_after_s >= 1
    engine.pool.cancel(admitted[0])
    assert engine.admit()
    engine.pool.close()


def test_a_request_never_submitted_gives_its_place_back(tiny: Artifact) -> None:
    engine = FakeEngine(tiny, queue_limit=1)
    forgotten = engine.admit(Budget(max_latency_ms=100))
    with pytest.raises(QueueFull):
        engine.admit()
    engine.clock.time_s += 11
    assert engine.admit()
    with pytest.raises(Cancelled):
        engine.pool.submit(forgotten, VqaInput(picture(), "what"))
    engine.pool.close()


def test_draining_finishes_what_is_open(engine: FakeEngine) -> None:
    engine.backend.hold()
    futures = [engine.send(seed=seed) for seed in range(100)]
    assert not engine.pool.drain(0.01)
    with pytest.raises(Draining):
        engine.admit()
    engine.backend.gate.set()
    assert engine.pool.drain(20)
    assert all(future.done() for future in futures)
    assert request_counts(engine.pool) == {("full", "ok"): 100, ("none", "refused"): 1}


def test_closing_ends_everything_once(engine: FakeEngine) -> None:
    engine.backend.hold()
    futures = [engine.send(seed=seed) for seed in range(10)]
    forgotten = engine.admit()
    engine.backend.wait_inside()
    engine.backend.gate.set()
    engine.pool.close()
    ended = request_counts(engine.pool)
    assert sum(ended.values()) == 11
    assert ended["full", "cancelled"] >= 1
    assert all(future.done() for future in futures)
    with pytest.raises(Cancelled):
        engine.pool.submit(forgotten, VqaInput(picture(), "what"))
