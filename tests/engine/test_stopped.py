"""Faults of ours are ours: named ones in the loop, before it, and one that ends its thread."""

from __future__ import annotations

import pytest
from tests.engine.bench import Bench
from tests.engine.fakes import picture

from engine.errors import EngineStopped, InferenceFailed, InvalidInput, NotReady
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine import inside
from tests.engine.test_pool import requests

ASKED = VqaInput(picture(), "what colour", top_k=1)


def broken(*arguments: object) -> None:
    raise RuntimeError("broken for the test")


def test_an_engine_whose_thread_ends_says_so_to_everybody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*arguments: object) -> None:
        raise SystemExit

    bench.backend.hold()
    futures = [bench.send()]
    bench.backend.wait_inside()
    futures += [bench.send(seed=seed) for seed in range(1, 4)]
    admitted = bench.admit()
    monkeypatch.setattr(inside.loop(bench.pool).predictor, "learn", kill)
    bench.backend.gate.set()
    for future in futures:
        assert isinstance(future.exception(20), EngineStopped)
    assert bench.pool.stopped
    assert not bench.pool.ready
    with pytest.raises(NotReady):
        bench.admit()
    with pytest.raises(EngineStopped):
        bench.pool.submit(admitted, ASKED)
    assert bench.pool.drain(0)
    assert requests(bench.pool) == {("full", "error"): 5, ("none", "refused"): 1}
    bench.pool.close()


def test_a_request_that_comes_to_a_thread_that_has_ended_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was being handed over when the thread ended."""
    monkeypatch.setattr(inside.parts(bench.pool).executor, "_stopped", True)
    with pytest.raises(EngineStopped):
        bench.send()
    assert requests(bench.pool) == {("full", "error"): 1}


@pytest.mark.parametrize("instrument", ["work", "prediction", "ended"])
def test_an_instrument_that_throws_costs_one_request(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bench.pool.telemetry, instrument, broken)
        assert isinstance(bench.send().exception(20), InferenceFailed)
    assert bench.send().result(20)
    assert bench.pool.drain(20)


@pytest.mark.parametrize("instrument", ["answered", "phases"])
def test_an_answer_that_is_there_is_given_also_if_it_cannot_be_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bench.pool.telemetry, instrument, broken)
        assert bench.send().result(20).variant == "full"
    assert bench.send().result(20)
    assert requests(bench.pool) == {("full", "ok"): 2}


def test_a_fault_in_the_intake_costs_one_request(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = inside.parts(bench.pool).executor
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    with monkeypatch.context() as patch:
        patch.setattr(executor._rate, "add", broken)
        second = bench.send()
        bench.backend.gate.set()
        assert isinstance(second.exception(20), InferenceFailed)
    assert first.result(20).variant == "full"
    assert bench.send().result(20)


def test_a_request_that_finds_no_other_way_ends_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys have changed, and its route throws; what runs goes on."""
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    second = bench.send()
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(bench.pool).variants, "route_again", broken)
        bench.pool.set_memory_budget(None)
        bench.backend.gate.set()
        assert isinstance(second.exception(20), InferenceFailed)
    assert first.result(20).variant == "full"


def test_what_cannot_be_handed_over_is_booked_on_whoever_is_at_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput):
        bench.pool.submit(bench.admit(), CaptionInput(picture(), None, 1))
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(bench.pool).variants, "route", broken)
        with pytest.raises(RuntimeError):
            bench.send()
    assert requests(bench.pool) == {("full", "invalid"): 1, ("full", "error"): 1}
    ticket = bench.admit(Budget())
    bench.pool.cancel(ticket, "error")
    assert requests(bench.pool)["full", "error"] == 2
