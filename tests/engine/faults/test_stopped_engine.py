"""Faults of ours are ours: named ones in the loop, before it, and one that ends its thread."""

from __future__ import annotations

import pytest

from engine.errors import EngineStopped, InferenceFailed, InvalidInput, NotReady
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.request_counts import request_counts

ASKED = VqaInput(picture(), "what colour", top_k=1)


def broken(*arguments: object) -> None:
    raise RuntimeError("broken for the test")


def test_an_engine_whose_thread_ends_fails_every_open_request(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*arguments: object) -> None:
        raise SystemExit

    engine.backend.hold()
    futures = [engine.send()]
    engine.backend.wait_inside()
    futures += [engine.send(seed=seed) for seed in range(1, 4)]
    admitted = engine.admit()
    monkeypatch.setattr(inside.loop(engine.pool).predictor, "learn", kill)
    engine.backend.gate.set()
    for future in futures:
        assert isinstance(future.exception(20), EngineStopped)
    assert engine.pool.stopped
    assert not engine.pool.ready
    with pytest.raises(NotReady):
        engine.admit()
    with pytest.raises(EngineStopped):
        engine.pool.submit(admitted, ASKED)
    assert engine.pool.drain(0)
    assert request_counts(engine.pool) == {("full", "error"): 5, ("none", "refused"): 1}
    engine.pool.close()


def test_a_request_that_comes_to_a_thread_that_has_ended_is_told(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was being handed over when the thread ended."""
    request = engine.admit()
    monkeypatch.setattr(inside.parts(engine.pool).executor.inbox, "stopped", True)
    with pytest.raises(EngineStopped):
        engine.pool.submit(request, ASKED)
    assert request_counts(engine.pool) == {("full", "error"): 1}


@pytest.mark.parametrize("instrument", ["work", "prediction", "ended"])
def test_an_instrument_that_throws_costs_one_request(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine.pool.telemetry, instrument, broken)
        assert isinstance(engine.send().exception(20), InferenceFailed)
    assert engine.send().result(20)
    assert engine.pool.drain(20)


@pytest.mark.parametrize("instrument", ["answered", "phases"])
def test_an_answer_that_is_there_is_given_also_if_it_cannot_be_measured(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine.pool.telemetry, instrument, broken)
        assert engine.send().result(20).variant == "full"
    assert engine.send().result(20)
    assert request_counts(engine.pool) == {("full", "ok"): 2}


def test_a_fault_in_the_intake_costs_one_request(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = inside.parts(engine.pool).executor
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    with monkeypatch.context() as patch:
        patch.setattr(executor._rate, "add", broken)
        second = engine.send()
        engine.backend.gate.set()
        assert isinstance(second.exception(20), InferenceFailed)
    assert first.result(20).variant == "full"
    assert engine.send().result(20)


def test_a_request_that_finds_no_other_way_ends_alone(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys have changed, and its route throws; what runs goes on."""
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    second = engine.send()
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(engine.pool).variants, "route_again", broken)
        engine.pool.set_memory_budget(None)
        engine.backend.gate.set()
        assert isinstance(second.exception(20), InferenceFailed)
    assert first.result(20).variant == "full"


def test_a_request_that_cannot_be_handed_over_is_counted_by_the_fault(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput):
        engine.pool.submit(engine.admit(), CaptionInput(picture(), None, 1))
    with monkeypatch.context() as patch:
        patch.setattr(inside.loop(engine.pool).variants, "route", broken)
        with pytest.raises(RuntimeError):
            engine.send()
    assert request_counts(engine.pool) == {("full", "invalid"): 1, ("full", "error"): 1}
    ticket = engine.admit(Budget())
    engine.pool.cancel(ticket, "error")
    assert request_counts(engine.pool)["full", "error"] == 2
