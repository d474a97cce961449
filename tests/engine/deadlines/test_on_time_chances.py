"""The chance of being on time is recorded with what came of it."""

from __future__ import annotations

import pytest

from engine.errors import DeadlineExpired
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.fake_engine import FakeEngine


def recorded(engine: FakeEngine) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (how many, sum of their chances) by tenth and outcome, where there are any."""
    registry = engine.pool.telemetry.registry
    found = {}
    for tenth in map(str, range(10)):
        for met in ("true", "false"):
            labels = {"tenth": tenth, "met": met}
            count = registry.get_sample_value("otmv_on_time_chance_count", labels)
            total = registry.get_sample_value("otmv_on_time_chance_sum", labels)
            assert count is not None
            assert total is not None, "every series begins at 0"
            if count:
                found[tenth, met] = (count, total)
    return found


def test_an_answer_with_all_its_time_was_sure_and_came_true(engine: FakeEngine) -> None:
    engine.tick(0.001)
    engine.send(Budget(max_latency_ms=1000)).result(20)
    assert recorded(engine) == {("9", "true"): (1.0, 1.0)}


def test_an_answer_that_was_sure_and_is_late_is_recorded_under_reject_too(
    engine: FakeEngine,
) -> None:
    def slow_head(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 1.0 if stage == "head[vqa]" else 0.0

    engine.backend.hook = slow_head
    with pytest.raises(DeadlineExpired):
        engine.send(Budget(max_latency_ms=500, on_miss="reject")).result(20)
    assert recorded(engine) == {("9", "false"): (1.0, 1.0)}


def test_a_lost_deadline_had_no_chance(engine: FakeEngine) -> None:
    engine.tick(0.001)
    engine.send(Budget(max_latency_ms=0.5)).result(20)
    assert recorded(engine) == {("0", "false"): (1.0, 0.0)}
