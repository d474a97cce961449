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
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.fake_backend import picture
from tests.engine.pools.fake_engine import Bench, expected
from tests.engine.test_pool import requests

HOW: list[OnMiss] = ["degrade", "reject"]


def still_well(bench: Bench, artifact: Artifact) -> None:
    answer = bench.send(seed=7).result(20)
    assert (answer.variant, answer.labels[0][0]) == ("full", expected(artifact, "full", 7))


def late(bench: Bench, late_s: float, on_miss: OnMiss) -> Answer:
    """Ask for something whose deadline was `late_s` ago when it came."""
    budget = Budget(max_latency_ms=100, on_miss=on_miss)
    ticket = bench.admit(budget, arrived_s=bench.clock.time_s - 0.1 - late_s)
    return bench.pool.submit(ticket, VqaInput(picture(), "what colour", top_k=1)).result(20)


@pytest.mark.parametrize("on_miss", HOW)
@pytest.mark.parametrize("limit_ms", [0.0, -0.0, -1.0, -math.inf, math.inf, math.nan])
def test_a_limit_that_means_nothing_is_refused_by_name(
    bench: Bench, tiny: Artifact, limit_ms: float, on_miss: OnMiss
) -> None:
    with pytest.raises(InvalidInput, match="max_latency_ms") as refused:
        bench.admit(Budget(max_latency_ms=limit_ms, on_miss=on_miss))
    assert refused.value.field == "max_latency_ms"
    assert bench.backend.calls == []
    still_well(bench, tiny)
    assert requests(bench.pool) == {("none", "invalid"): 1, ("full", "ok"): 1}


@pytest.mark.parametrize("late_s", [0.0001, 0.001, 5.0, 9.9])
def test_past_within_the_grace_is_best_effort(bench: Bench, tiny: Artifact, late_s: float) -> None:
    answer = late(bench, late_s, "degrade")
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    assert answer.labels[0][0] == expected(tiny, "d1", 0)
    still_well(bench, tiny)


@pytest.mark.parametrize("late_s", [0.0, 0.001, 5.0, 1e6])
def test_past_is_refused_under_reject(bench: Bench, tiny: Artifact, late_s: float) -> None:
    with pytest.raises(DeadlineUnattainable):
        late(bench, late_s, "reject")
    assert bench.backend.calls == []
    still_well(bench, tiny)


@pytest.mark.parametrize("late_s", [10.0, 10.001, 1e6])
def test_past_the_grace_ends_at_once(bench: Bench, tiny: Artifact, late_s: float) -> None:
    with pytest.raises(DeadlineExpired):
        late(bench, late_s, "degrade")
    assert bench.backend.calls == []
    still_well(bench, tiny)


@pytest.mark.parametrize("on_miss", HOW)
def test_the_shortest_limit_there_is(bench: Bench, tiny: Artifact, on_miss: OnMiss) -> None:
    budget = Budget(max_latency_ms=5e-324, on_miss=on_miss)
    if on_miss == "reject":
        with pytest.raises(DeadlineError):
            bench.send(budget).result(20)
    else:
        answer = bench.send(budget).result(20)
        assert (answer.variant, answer.degraded) == ("d1", True)
    still_well(bench, tiny)


@pytest.mark.parametrize("on_miss", HOW)
def test_the_longest_limit_there_is(bench: Bench, tiny: Artifact, on_miss: OnMiss) -> None:
    answer = bench.send(Budget(max_latency_ms=1.7e308, on_miss=on_miss)).result(20)
    assert (answer.variant, answer.deadline_met) == ("full", True)
    still_well(bench, tiny)


def test_without_a_deadline_the_answer_comes_however_long_it_takes(tiny: Artifact) -> None:
    bench = Bench(tiny, default_latency_ms=None)
    bench.tick(45.0)  # every step takes longer than anybody's patience
    answers = [bench.send(seed=seed) for seed in range(3)]
    for seed, future in enumerate(answers):
        answer = future.result(20)
        assert answer.deadline_met is None
        assert answer.labels[0][0] == expected(tiny, answer.variant, seed)
    bench.pool.close()


def test_without_a_deadline_nobody_waits_longer_than_patience_lasts(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newcomers with a deadline come at every step, more than can be served."""
    for module in ("loop.executor", "requests.row_maker"):
        monkeypatch.setattr(f"engine.{module}.PATIENCE_S", 1.0)
    bench = Bench(tiny, default_latency_ms=None, max_batch=1)
    bench.backend.hold()
    bench.send(Budget(max_latency_ms=100))
    bench.backend.wait_inside()
    patient, start_s = bench.send(), bench.clock.time_s
    done_s: list[float] = []
    patient.add_done_callback(lambda _: done_s.append(bench.clock.time_s))

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 0.001
        if not done_s and bench.clock.time_s < start_s + 5:
            with suppress(CapacityError):
                bench.send(Budget(max_latency_ms=100))

    bench.backend.hook = hook
    bench.backend.gate.set()
    answer = patient.result(60)
    assert answer.labels[0][0] == expected(tiny, answer.variant, 0)
    assert done_s[0] - start_s <= 1.0 + 0.1
    assert bench.pool.drain(60)
    bench.pool.close()
