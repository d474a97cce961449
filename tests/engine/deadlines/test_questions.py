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
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.fake_backend import picture
from tests.engine.pools.fake_engine import Bench, expected
from tests.engine.test_pool import requests


def test_a_row_stops_where_its_time_ends(bench: Bench, tiny: Artifact) -> None:
    bench.tick(0.001)
    answer = bench.send(Budget(max_latency_ms=5.0)).result(20)  # a third block would bet on luck
    assert (answer.variant, answer.degraded, answer.deadline_met) == ("d2", True, True)
    assert answer.labels[0][0] == expected(tiny, "d2", 0)
    assert bench.send(Budget(max_latency_ms=50)).result(20).variant == "full"


def test_a_row_that_waited_goes_less_deep(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    second = bench.send(Budget(max_latency_ms=100))
    bench.clock.time_s += 0.0935  # 6.5 ms left, one of them for the step in progress
    bench.tick(0.001)
    bench.backend.gate.set()
    answer = second.result(20)
    assert (answer.variant, answer.degraded, answer.deadline_met) == ("d2", True, True)
    assert first.result(20).variant == "full"


def test_a_slow_step_costs_depth_and_not_the_answer(bench: Bench, tiny: Artifact) -> None:
    orders: list[int] = []

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "block[1]":
            orders.append(int(inputs["order"][0]))
            bench.clock.time_s += 0.020  # twenty times the profile
        else:
            bench.clock.time_s += 0.001

    bench.backend.hook = hook
    answer = bench.send(Budget(max_latency_ms=20.0)).result(20)
    assert orders == [0]  # the third block was slow: the fourth was not begun
    assert (answer.variant, answer.executed_blocks) == ("d3", 3)
    assert answer.labels[0][0] == expected(tiny, "d3", 0)


def test_a_request_expires_while_it_waits(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    rejecting = bench.send(Budget(max_latency_ms=100, on_miss="reject"))
    degrading = bench.send(Budget(max_latency_ms=100))
    bench.clock.time_s += 0.2
    bench.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        rejecting.result(20)
    answer = degrading.result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    assert first.result(20).deadline_met


def test_grace_ends(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    degrading = bench.send(Budget(max_latency_ms=100))
    bench.clock.time_s += 10.2
    bench.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        degrading.result(20)
    assert first.result(20)
    assert requests(bench.pool) == {("full", "ok"): 1, ("full", "expired"): 1}


def test_a_late_answer_under_reject_is_no_answer(bench: Bench) -> None:
    def slow_head(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 1.0 if stage == "head[vqa]" else 0.0

    bench.backend.hook = slow_head
    with pytest.raises(DeadlineExpired):
        bench.send(Budget(max_latency_ms=500, on_miss="reject")).result(20)


def test_requests_that_expire_half_way_teach_how_slow_it_is(bench: Bench) -> None:
    def slow(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 0.02

    bench.backend.hook = slow
    reject = Budget(max_latency_ms=50, on_miss="reject")
    for _ in range(8):
        with pytest.raises(DeadlineExpired):
            bench.send(reject).result(20)
    with pytest.raises(DeadlineUnattainable):
        bench.admit(reject)
    bench.clock.time_s += 200  # evidence grows old
    assert bench.admit(reject)


def test_a_load_that_is_gone_refuses_nobody(bench: Bench) -> None:
    bench.tick(0.02)
    reject = Budget(max_latency_ms=50, on_miss="reject")
    for _ in range(8):
        with pytest.raises(DeadlineExpired):
            bench.send(reject).result(20)
    bench.clock.time_s += 0.9
    with pytest.raises(DeadlineUnattainable):
        bench.admit(reject)
    bench.clock.time_s += 0.2  # a second since the last one ended, and nobody is open
    bench.tick(0.0)
    assert bench.send(reject).result(20).deadline_met


def test_a_machine_that_is_still_slow_teaches_it_again(bench: Bench) -> None:
    bench.tick(0.02)
    reject = Budget(max_latency_ms=50, on_miss="reject")
    for _ in range(2):
        for _ in range(8):
            with pytest.raises(DeadlineExpired):
                bench.send(reject).result(20)
        with pytest.raises(DeadlineUnattainable):
            bench.admit(reject)
        bench.clock.time_s += 1.1


def test_reject_gives_up_at_the_first_step_if_nothing_fits(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    rejecting = bench.send(Budget(max_latency_ms=100, on_miss="reject"))
    bench.clock.time_s += 0.0985
    bench.backend.gate.set()
    with pytest.raises(DeadlineUnattainable):
        rejecting.result(20)
    first.result(20)
    assert requests(bench.pool)["full", "expired"] == 1


def test_work_ahead_counts_at_admission(bench: Bench) -> None:
    bench.backend.hold()
    sent = [bench.send(Budget(variant="full")) for _ in range(64)]
    reject = Budget(max_latency_ms=40, on_miss="reject")
    with pytest.raises(DeadlineUnattainable):
        bench.admit(Budget(max_latency_ms=1, on_miss="reject"))
    before = bench.admit(reject)  # earlier than every deadline: nothing is ahead of it
    assert before.predicted_s == pytest.approx(0.006)
    behind = bench.admit(Budget(max_latency_ms=31_000))
    assert behind.predicted_s > 0.006 + 64 / 8 * 0.006
    bench.pool.cancel(before)
    bench.pool.cancel(behind)
    bench.backend.gate.set()
    for future in sent:
        future.result(20)


def test_decode_time_counts_at_admission(bench: Bench) -> None:
    with pytest.raises(DeadlineUnattainable):
        bench.pool.admit(
            "vqa", Budget(max_latency_ms=50, on_miss="reject"), bench.clock.time_s, decode_s=0.2
        )


def test_a_submission_after_the_deadline(bench: Bench) -> None:
    ticket = bench.admit(Budget(max_latency_ms=100, on_miss="reject"))
    bench.clock.time_s += 1
    with pytest.raises(DeadlineExpired):
        bench.pool.submit(ticket, VqaInput(picture(), "what"))
    assert requests(bench.pool) == {("full", "expired"): 1}
