"""What alerts and dashboards rest on: counts that begin at 0, memory by key block, readiness."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from artifact.store import Artifact
from engine.errors import QueueFull
from engine.pool import EnginePool
from engine.telemetry import NO_VARIANT, SHED_REASONS, Telemetry
from engine.types import Budget, Outcome
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"otmv_{name}", labels)


def test_every_outcome_of_every_variant_is_counted_from_zero() -> None:
    telemetry = Telemetry()
    telemetry.offer("vqa", "full", 0.9)
    telemetry.offer("vqa", "d2", None)
    outcomes = set()
    for variant in ("full", "d2", NO_VARIANT):
        for outcome in get_args(Outcome):
            counted = value(
                telemetry, "requests_total", task="vqa", variant=variant, outcome=outcome
            )
            if counted is not None:
                assert counted == 0
                outcomes.add((variant == NO_VARIANT, outcome))
    assert {outcome for _, outcome in outcomes} == set(get_args(Outcome))
    assert (True, "refused") in outcomes
    assert (False, "refused") not in outcomes
    assert value(telemetry, "variant_quality", task="vqa", variant="full") == 0.9
    assert math.isnan(value(telemetry, "variant_quality", task="vqa", variant="d2") or 0)


def test_every_reason_is_counted_from_zero() -> None:
    telemetry = Telemetry()
    telemetry.shed("queue_full")
    found = {reason: value(telemetry, "shed_total", reason=reason) for reason in SHED_REASONS}
    assert found == {**dict.fromkeys(SHED_REASONS, 0), "queue_full": 1}


def test_a_refusal_is_counted_under_a_reason_that_was_announced(tiny: Artifact) -> None:
    engine = FakeEngine(tiny, queue_limit=1)
    engine.admit()
    with pytest.raises(QueueFull):
        engine.admit()
    engine.pool.close()
    telemetry = engine.pool.telemetry
    samples = next(m for m in telemetry.registry.collect() if m.name == "otmv_shed").samples
    reasons = {s.labels["reason"] for s in samples if s.name == "otmv_shed_total"}
    assert reasons == set(SHED_REASONS)
    assert value(telemetry, "shed_total", reason="queue_full") == 1


def key_bytes(pool: EnginePool) -> list[float | None]:
    return [value(pool.telemetry, "key_block_bytes", key=key) for key in ("0", "1")]


def test_memory_follows_the_budget_and_the_key_blocks(engine: FakeEngine) -> None:
    pool, stages = engine.pool, inside.stages(engine.pool)
    both = key_bytes(pool)
    assert all(held for held in both)
    assert value(pool.telemetry, "memory_budget_bytes") == math.inf
    assert engine.send(Budget()).result(20).variant == "full"
    stages.set_budget(stages.total_bytes(1))  # past the pool: nothing else evicts meanwhile
    stages.evict(0)
    assert key_bytes(pool) == [both[0], 0]
    assert value(pool.telemetry, "memory_budget_bytes") == stages.total_bytes(1)


def test_readiness_is_read_when_metrics_are() -> None:
    telemetry, ready = Telemetry(), [False]
    assert value(telemetry, "ready") == 0
    telemetry.watch_ready(lambda: ready[0])
    assert value(telemetry, "ready") == 0
    ready[0] = True
    assert value(telemetry, "ready") == 1


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_late_and_expired_requests_missed_their_deadline_and_no_others(outcome: Outcome) -> None:
    telemetry = Telemetry()
    telemetry.offer("vqa", "full", 0.9)
    telemetry.ended("vqa", "full", outcome)
    missed = value(telemetry, "deadline_missed_total", task="vqa")
    assert (missed or 0) == (outcome in ("late", "expired"))
