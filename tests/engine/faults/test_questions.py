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
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.fake_backend import picture
from tests.engine.pools.fake_engine import MODEL, Bench, expected
from tests.engine.test_pool import requests


def test_a_cancelled_request_stops_within_one_step(bench: Bench) -> None:
    bench.backend.hold()
    ticket = bench.admit()
    future = bench.pool.submit(ticket, VqaInput(picture(), "what"))
    bench.backend.wait_inside()
    bench.pool.cancel(ticket)
    with pytest.raises(Cancelled):
        future.result(0)
    bench.backend.gate.set()
    assert bench.send(seed=1).result(20)
    stages = [stage for stage, _ in bench.backend.calls]
    assert stages.count("stem[vqa]") == 2
    assert stages.count("head[vqa]") == 1
    bench.pool.cancel(ticket)
    assert requests(bench.pool) == {("full", "cancelled"): 1, ("full", "ok"): 1}


def test_a_ticket_cancelled_before_submission(bench: Bench) -> None:
    ticket = bench.admit()
    bench.pool.cancel(ticket)
    with pytest.raises(Cancelled):
        bench.pool.submit(ticket, VqaInput(picture(), "what"))
    assert bench.backend.calls == []


def test_a_batch_that_throws_is_tried_row_by_row(bench: Bench, tiny: Artifact) -> None:
    poison = picture(3)

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "stem[vqa]" and any((p == poison).all() for p in inputs["pixels"]):
            raise InferenceFailed(stage, "this picture")

    bench.backend.hook = hook
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    others = [bench.send(seed=seed) for seed in range(1, 6)]
    bench.backend.gate.set()
    first.result(20)
    for seed, future in enumerate(others, start=1):
        if seed == 3:
            with pytest.raises(InferenceFailed, match="this picture"):
                future.result(20)
        else:
            assert future.result(20).labels[0][0] == expected(tiny, "full", seed)
    assert requests(bench.pool) == {("full", "ok"): 5, ("full", "error"): 1}


def test_a_backend_that_throws_once_harms_nobody(bench: Bench) -> None:
    failures = iter([ValueError("hiccup")])

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "block[1]" and (error := next(failures, None)) is not None:
            raise error

    bench.backend.hook = hook
    assert bench.send().result(20).variant == "full"


def test_a_fault_of_the_engine_itself_ends_the_request_and_not_the_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = bench.admit()
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(bench.pool).variants, "start", lambda *args: 1 / 0)
        with pytest.raises(InferenceFailed, match="ZeroDivisionError"):
            bench.pool.submit(ticket, VqaInput(picture(), "what")).result(20)
    assert bench.send().result(20)


def test_numbers_that_are_not_finite_fail_only_their_request(bench: Bench, tiny: Artifact) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != "head[vqa]" or len(inputs["y"]) < 4:
            return None
        outputs = MODEL.run(stage, inputs)
        outputs["logits"][2] = np.nan
        return outputs

    bench.backend.hook = hook
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    others = [bench.send(seed=seed) for seed in range(1, 5)]
    bench.backend.gate.set()
    first.result(20)
    errors = [future.exception(20) for future in others]
    assert [type(error) for error in errors].count(InferenceFailed) == 1
    assert errors.count(None) == 3
    assert bench.send().result(20)


def test_the_queue_is_bounded(tiny: Artifact) -> None:
    bench = Bench(tiny, queue_limit=3)
    tickets = [bench.admit() for _ in range(3)]
    with pytest.raises(QueueFull) as caught:
        bench.admit()
    assert caught.value.retry_after_s >= 1
    bench.pool.cancel(tickets[0])
    assert bench.admit()
    bench.pool.close()


def test_a_ticket_never_submitted_gives_its_place_back(tiny: Artifact) -> None:
    bench = Bench(tiny, queue_limit=1)
    forgotten = bench.admit(Budget(max_latency_ms=100))
    with pytest.raises(QueueFull):
        bench.admit()
    bench.clock.time_s += 11
    assert bench.admit()
    with pytest.raises(Cancelled):
        bench.pool.submit(forgotten, VqaInput(picture(), "what"))
    bench.pool.close()


def test_draining_finishes_what_is_open(bench: Bench) -> None:
    bench.backend.hold()
    futures = [bench.send(seed=seed) for seed in range(100)]
    assert not bench.pool.drain(0.01)
    with pytest.raises(Draining):
        bench.admit()
    bench.backend.gate.set()
    assert bench.pool.drain(20)
    assert all(future.done() for future in futures)
    assert requests(bench.pool) == {("full", "ok"): 100, ("none", "refused"): 1}


def test_closing_ends_everything_once(bench: Bench) -> None:
    bench.backend.hold()
    futures = [bench.send(seed=seed) for seed in range(10)]
    forgotten = bench.admit()
    bench.backend.wait_inside()
    bench.backend.gate.set()
    bench.pool.close()
    ended = requests(bench.pool)
    assert sum(ended.values()) == 11
    assert ended["full", "cancelled"] >= 1
    assert all(future.done() for future in futures)
    with pytest.raises(Cancelled):
        bench.pool.submit(forgotten, VqaInput(picture(), "what"))
