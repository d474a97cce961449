"""Deadlines: what a row becomes, when it gives up, what is refused."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.errors import (
    DeadlineExpired,
    DeadlineUnattainable,
)
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.answers.model_answers import expected
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.request_counts import request_counts


def test_a_row_stops_where_its_time_ends(engine: FakeEngine, tiny: Artifact) -> None:
    engine.tick(0.001)
    answer = engine.send(Budget(max_latency_ms=5.0)).result(20)  # a third block would bet on luck
    assert (answer.variant, answer.degraded, answer.deadline_met) == ("d2", True, True)
    assert answer.labels[0][0] == expected(tiny, "d2", 0)
    assert engine.send(Budget(max_latency_ms=50)).result(20).variant == "full"


def test_a_row_that_waited_goes_less_deep(engine: FakeEngine) -> None:
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    second = engine.send(Budget(max_latency_ms=100))
    engine.clock.time_s += 0.0935  # 6.5 ms left, one of them for the step in progress
    engine.tick(0.001)
    engine.backend.gate.set()
    answer = second.result(20)
    assert (answer.variant, answer.degraded, answer.deadline_met) == ("d2", True, True)
    assert first.result(20).variant == "full"


def test_a_slow_step_costs_depth_and_not_the_answer(engine: FakeEngine, tiny: Artifact) -> None:
    orders: list[int] = []

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "block[1]":
            orders.append(int(inputs["order"][0]))
            engine.clock.time_s += 0.020  # twenty times the profile
        else:
            engine.clock.time_s += 0.001

    engine.backend.hook = hook
    answer = engine.send(Budget(max_latency_ms=20.0)).result(20)
    assert orders == [0]  # the third block was slow: the fourth was not begun
    assert (answer.variant, answer.executed_blocks) == ("d3", 3)
    assert answer.labels[0][0] == expected(tiny, "d3", 0)


def test_a_request_expires_while_it_waits(engine: FakeEngine) -> None:
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    rejecting = engine.send(Budget(max_latency_ms=100, on_miss="reject"))
    degrading = engine.send(Budget(max_latency_ms=100))
    engine.clock.time_s += 0.2
    engine.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        rejecting.result(20)
    answer = degrading.result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    assert first.result(20).deadline_met


def test_grace_ends(engine: FakeEngine) -> None:
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    degrading = engine.send(Budget(max_latency_ms=100))
    engine.clock.time_s += 10.2
    engine.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        degrading.result(20)
    assert first.result(20)
    assert request_counts(engine.pool) == {("full", "ok"): 1, ("full", "expired"): 1}
    missed = engine.pool.telemetry.registry.get_sample_value
    assert missed("otmv_deadline_missed_total", {"task": "vqa"}) == 1


def test_a_late_answer_under_reject_is_no_answer(engine: FakeEngine) -> None:
    def slow_head(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 1.0 if stage == "head[vqa]" else 0.0

    engine.backend.hook = slow_head
    with pytest.raises(DeadlineExpired):
        engine.send(Budget(max_latency_ms=500, on_miss="reject")).result(20)


def expire_until_refused(engine: FakeEngine, reject: Budget) -> None:
    """Send requests that expire half-way; the nine calls of three are enough to refuse the next."""
    for _ in range(3):
        with pytest.raises(DeadlineExpired):
            engine.send(reject).result(20)
    with pytest.raises(DeadlineUnattainable):
        engine.admit(reject)


def test_requests_that_expire_half_way_teach_how_slow_it_is(engine: FakeEngine) -> None:
    def slow(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 0.02

    engine.backend.hook = slow
    reject = Budget(max_latency_ms=50, on_miss="reject")
    expire_until_refused(engine, reject)
    engine.clock.time_s += 200  # evidence grows old
    assert engine.admit(reject)


def test_a_load_that_is_gone_refuses_no_request(engine: FakeEngine) -> None:
    engine.tick(0.02)
    reject = Budget(max_latency_ms=50, on_miss="reject")
    expire_until_refused(engine, reject)
    engine.clock.time_s += 0.9
    with pytest.raises(DeadlineUnattainable):
        engine.admit(reject)
    engine.clock.time_s += 0.2  # a second since the last one ended, and none is open
    engine.tick(0.0)
    assert engine.send(reject).result(20).deadline_met


def test_a_machine_that_is_still_slow_teaches_it_again(engine: FakeEngine) -> None:
    engine.tick(0.02)
    reject = Budget(max_latency_ms=50, on_miss="reject")
    for _ in range(2):
        expire_until_refused(engine, reject)
        engine.clock.time_s += 1.1


def test_reject_gives_up_at_the_first_step_if_nothing_fits(engine: FakeEngine) -> None:
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    rejecting = engine.send(Budget(max_latency_ms=100, on_miss="reject"))
    engine.clock.time_s += 0.0985
    engine.backend.gate.set()
    with pytest.raises(DeadlineUnattainable):
        rejecting.result(20)
    first.result(20)
    assert request_counts(engine.pool)["full", "expired"] == 1


def test_work_ahead_counts_at_admission(engine: FakeEngine) -> None:
    engine.backend.hold()
    sent = [engine.send(Budget(variant="full")) for _ in range(64)]
    reject = Budget(max_latency_ms=40, on_miss="reject")
    with pytest.raises(DeadlineUnattainable):
        engine.admit(Budget(max_latency_ms=1, on_miss="reject"))
    before = engine.admit(reject)  # earlier than every deadline: nothing is ahead of it
    assert before.predicted_s == pytest.approx(0.006)
    behind = engine.admit(Budget(max_latency_ms=31_000))
    assert behind.predicted_s > 0.006 + 64 / 8 * 0.006
    engine.pool.cancel(before)
    engine.pool.cancel(behind)
    engine.backend.gate.set()
    for future in sent:
        future.result(20)


def test_decode_time_counts_at_admission(engine: FakeEngine) -> None:
    with pytest.raises(DeadlineUnattainable):
        engine.pool.admit(
            "vqa", Budget(max_latency_ms=50, on_miss="reject"), engine.clock.time_s, decode_s=0.2
        )


def test_a_submission_after_the_deadline(engine: FakeEngine) -> None:
    request = engine.admit(Budget(max_latency_ms=100, on_miss="reject"))
    engine.clock.time_s += 1
    with pytest.raises(DeadlineExpired):
        engine.pool.submit(request, VqaInput(picture(), "what"))
    assert request_counts(engine.pool) == {("full", "expired"): 1}
