"""What alerts and dashboards rest on: counts that begin at 0, memory by key block, readiness."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from artifact.store import Artifact
from engine.errors import QueueFull
from engine.pool import EnginePool
from engine.telemetry import MOST_ADAPTER_NAMES, NO_VARIANT, OTHER_ADAPTERS, SHED_REASONS, Telemetry
from engine.types import Budget, MadeBy, Outcome
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


PROCESS = (
    "cpu_seconds",
    "resident_memory_bytes",
    "virtual_memory_bytes",
    "start_time_seconds",
    "open_fds",
    "max_fds",
)

OURS = (
    "requests",
    "request_seconds",
    "phase_seconds",
    "images",
    "engine_busy_seconds",
    "executed_blocks",
    "step_rows",
    "queue_depth",
    "queue_wait_seconds",
    "slack_at_start_seconds",
    "deadline_missed",
    "degraded",
    "shed",
    "resident_bytes",
    "variant_quality",
    "latency_prediction_ratio",
    "on_time_chance",
    "late_replies",
    "caption_tokens",
    "first_token_seconds",
    "key_block_bytes",
    "memory_budget_bytes",
    "ready",
    "artifact_info",
    "reloads",
    "api_key_requests",
    "http_responses",
    "engine_silent_seconds",
    "caption_slots_taken",
    "adapters",
    "adapter_answers",
    "pictures_decoding",
    "picture_lookups",
    "kept_picture_bytes",
    "open_requests",
    "running_requests",
    "utilization_ratio",
    "marginal_points_per_second",
    "variant_agreement",
    "audited_answers",
    "body_bytes",
)


def test_every_instrument_is_there() -> None:
    names = {metric.name for metric in Telemetry().registry.collect()}
    assert names == {f"otmv_{name}" for name in OURS} | {f"process_{name}" for name in PROCESS}


def test_agreements_take_the_place_of_those_before() -> None:
    telemetry = Telemetry()
    read = telemetry.registry.get_sample_value
    first, second = MadeBy("vqa", "d1"), MadeBy("vqa", "d2")
    telemetry.watch_agreements({first: 0.5, second: None}, audited=False)
    assert read("otmv_variant_agreement", first._asdict()) == 0.5
    assert read("otmv_variant_agreement", second._asdict()) is None
    assert read("otmv_audited_answers_total", {**first._asdict(), "agrees": "true"}) is None
    telemetry.watch_agreements({second: 0.25}, audited=True)
    assert read("otmv_variant_agreement", first._asdict()) is None
    assert read("otmv_variant_agreement", second._asdict()) == 0.25
    assert read("otmv_audited_answers_total", {**second._asdict(), "agrees": "false"}) == 0.0


def test_names_of_adapters_are_a_bounded_label() -> None:
    telemetry = Telemetry()
    for number in range(MOST_ADAPTER_NAMES + 50):
        telemetry.adapted(f"a{number}")
    telemetry.adapted("a0")
    counts = {
        sample.labels["adapter"]: sample.value
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.name == "otmv_adapter_answers_total"
    }
    assert len(counts) == MOST_ADAPTER_NAMES + 1
    assert (counts["a0"], counts[OTHER_ADAPTERS]) == (2, 50)
