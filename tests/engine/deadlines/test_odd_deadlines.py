"""Deadlines that are past, zero, endless or no number; the engine goes on as if nothing were."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from artifact.store import Artifact
from engine.errors import (
    CapacityError,
    DeadlineError,
    DeadlineExpired,
    DeadlineUnattainable,
    InvalidInput,
)
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, OnMiss
from tests.engine.answers.model_answers import expected
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.request_counts import request_counts

HOW: list[OnMiss] = ["degrade", "reject"]


def still_well(engine: FakeEngine, artifact: Artifact) -> None:
    answer = engine.send(seed=7).result(20)
    assert (answer.variant, answer.labels[0][0]) == ("full", expected(artifact, "full", 7))


def late(engine: FakeEngine, late_s: float, on_miss: OnMiss) -> Answer:
    """Ask for something whose deadline was `late_s` ago when it came."""
    budget = Budget(max_latency_ms=100, on_miss=on_miss)
    request = engine.admit(budget, arrived_s=engine.clock.time_s - 0.1 - late_s)
    return engine.pool.submit(request, VqaInput(picture(), "what colour", top_k=1)).result(20)


@pytest.mark.parametrize("on_miss", HOW)
@pytest.mark.parametrize("limit_ms", [0.0, -0.0, -1.0, -math.inf, math.inf, math.nan])
def test_a_limit_that_means_nothing_is_refused_by_name(
    engine: FakeEngine, tiny: Artifact, limit_ms: float, on_miss: OnMiss
) -> None:
    with pytest.raises(InvalidInput, match="max_latency_ms") as refused:
        engine.admit(Budget(max_latency_ms=limit_ms, on_miss=on_miss))
    assert refused.value.field == "max_latency_ms"
    assert engine.backend.calls == []
    still_well(engine, tiny)
    assert request_counts(engine.pool) == {("none", "invalid"): 1, ("full", "ok"): 1}


@pytest.mark.parametrize("late_s", [0.0001, 0.001, 5.0, 9.9])
def test_past_within_the_grace_is_best_effort(
    engine: FakeEngine, tiny: Artifact, late_s: float
) -> None:
    answer = late(engine, late_s, "degrade")
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    assert answer.labels[0][0] == expected(tiny, "d1", 0)
    still_well(engine, tiny)


@pytest.mark.parametrize("late_s", [0.0, 0.001, 5.0, 1e6])
def test_past_is_refused_under_reject(engine: FakeEngine, tiny: Artifact, late_s: float) -> None:
    with pytest.raises(DeadlineUnattainable):
        late(engine, late_s, "reject")
    assert engine.backend.calls == []
    still_well(engine, tiny)


@pytest.mark.parametrize("late_s", [10.0, 10.001, 1e6])
def test_past_the_grace_ends_at_once(engine: FakeEngine, tiny: Artifact, late_s: float) -> None:
    with pytest.raises(DeadlineExpired):
        late(engine, late_s, "degrade")
    assert engine.backend.calls == []
    still_well(engine, tiny)


@pytest.mark.parametrize("on_miss", HOW)
def test_the_shortest_limit_there_is(engine: FakeEngine, tiny: Artifact, on_miss: OnMiss) -> None:
    budget = Budget(max_latency_ms=5e-324, on_miss=on_miss)
    if on_miss == "reject":
        with pytest.raises(DeadlineError):
            engine.send(budget).result(20)
    else:
        answer = engine.send(budget).result(20)
        assert (answer.variant, answer.degraded) == ("d1", True)
    still_well(engine, tiny)


@pytest.mark.parametrize("on_miss", HOW)
def test_the_longest_limit_there_is(engine: FakeEngine, tiny: Artifact, on_miss: OnMiss) -> None:
    answer = engine.send(Budget(max_latency_ms=1.7e308, on_miss=on_miss)).result(20)
    assert (answer.variant, answer.deadline_met) == ("full", True)
    still_well(engine, tiny)


def test_without_a_deadline_the_answer_comes_however_long_it_takes(tiny: Artifact) -> None:
    engine = FakeEngine(tiny, default_latency_ms=None)
    engine.tick(45.0)  # every step takes longer than a request's patience
    answers = [engine.send(seed=seed) for seed in range(3)]
    for seed, future in enumerate(answers):
        answer = future.result(20)
        assert answer.deadline_met is None
        assert answer.labels[0][0] == expected(tiny, answer.variant, seed)
    engine.pool.close()


def test_without_a_deadline_no_request_waits_longer_than_patience_lasts(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newcomers with a deadline come at every step, more than can be served."""
    for module in ("loop.executor", "requests.row_maker"):
        monkeypatch.setattr(f"engine.{module}.PATIENCE_S", 1.0)
    engine = FakeEngine(tiny, default_latency_ms=None, max_batch=1)
    engine.backend.hold()
    engine.send(Budget(max_latency_ms=100))
    engine.backend.wait_inside()
    patient, start_s = engine.send(), engine.clock.time_s
    done_s: list[float] = []
    patient.add_done_callback(lambda _: done_s.append(engine.clock.time_s))

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 0.001
        if not done_s and engine.clock.time_s < start_s + 5:
            with suppress(CapacityError):
                engine.send(Budget(max_latency_ms=100))

    engine.backend.hook = hook
    engine.backend.gate.set()
    answer = patient.result(60)
    assert answer.labels[0][0] == expected(tiny, answer.variant, 0)
    assert done_s[0] - start_s <= 1.0 + 0.1
    assert engine.pool.drain(60)
    engine.pool.close()
