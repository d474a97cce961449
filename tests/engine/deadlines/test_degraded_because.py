"""Why an answer is a lower variant's: what the next better one was predicted to need, and had."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.elastic.chances import GUESS
from engine.types import Budget
from tests.engine.artifacts.forked_artifact import write_forked
from tests.engine.pools.fake_engine import FakeEngine

STEP_S = 0.001


def test_the_best_answer_needs_no_reason(engine: FakeEngine) -> None:
    answer = engine.send(Budget(max_latency_ms=100)).result(20)
    assert (answer.variant, answer.degraded, answer.degraded_because) == ("full", False, None)
    limited = engine.send(Budget(variant="d1")).result(20)
    assert (limited.variant, limited.degraded_because) == ("d1", None)


def test_time_that_was_left_and_time_that_was_needed(engine: FakeEngine) -> None:
    """The stem and two blocks have run; a third block and the head would bet on luck."""
    engine.tick(STEP_S)
    answer = engine.send(Budget(max_latency_ms=5.0)).result(20)
    why = answer.degraded_because
    assert why is not None
    assert (answer.variant, why.reason, why.variant) == ("d2", "time", "d3")
    assert why.left_s == pytest.approx(0.005 - 3 * STEP_S)
    assert why.predicted_s == pytest.approx(GUESS.needed_s(2, 2 * STEP_S, 0.9))
    assert why.predicted_s > why.left_s


def test_a_lost_deadline_is_late(engine: FakeEngine) -> None:
    engine.tick(STEP_S)
    answer = engine.send(Budget(max_latency_ms=1.5)).result(20)
    why = answer.degraded_because
    assert why is not None
    assert (answer.variant, answer.deadline_met) == ("d1", False)
    assert (why.reason, why.variant) == ("late", "d2")
    assert why.left_s == pytest.approx(-0.5 * STEP_S)


def test_a_deadline_that_is_lost_on_the_way_is_late(engine: FakeEngine) -> None:
    """Its first block takes all its time: not even its own answer can be in time."""

    def slow(stage: str, inputs: dict[str, object]) -> None:
        engine.clock.time_s += 0.1 if stage == "block[0]" else STEP_S

    engine.backend.hook = slow
    answer = engine.send(Budget(max_latency_ms=100)).result(20)
    assert answer.degraded_because is not None
    assert (answer.variant, answer.degraded_because.reason) == ("d1", "late")


def test_a_crowd_is_load(tiny: Artifact) -> None:
    """Of eight places six may be taken before those with an answer must give it."""
    engine = FakeEngine(tiny, queue_limit=8)
    engine.tick(STEP_S)
    engine.backend.hold()
    sent = [engine.send(Budget(max_latency_ms=10_000))]
    engine.backend.wait_inside()
    sent += [engine.send(Budget(max_latency_ms=10_000)) for _ in range(7)]
    engine.backend.gate.set()
    reasons = [answer.degraded_because for answer in (each.result(20) for each in sent)]
    given = [why for why in reasons if why is not None]
    assert {why.reason for why in given} == {"load"}
    assert all(why.left_s is not None and why.left_s > why.predicted_s for why in given)


def test_who_waits_outside_is_load_until_nobody_does(tiny: Artifact) -> None:
    engine = FakeEngine(tiny)
    engine.tick(STEP_S)
    waited = engine.send(Budget(max_latency_ms=10_000), outside=1).result(20)
    alone = engine.send(Budget(max_latency_ms=10_000)).result(20)
    assert waited.degraded_because is not None
    assert (waited.variant, waited.degraded_because.reason) == ("d1", "load")
    assert (alone.variant, alone.degraded_because) == ("full", None)


def test_without_a_deadline_no_time_is_left_to_tell(tiny: Artifact) -> None:
    engine = FakeEngine(tiny, queue_limit=8, default_latency_ms=None)
    engine.tick(STEP_S)
    engine.backend.hold()
    sent = [engine.send()]
    engine.backend.wait_inside()
    sent += [engine.send() for _ in range(7)]
    engine.backend.gate.set()
    reasons = [answer.degraded_because for answer in (each.result(20) for each in sent)]
    assert {(why.reason, why.left_s) for why in reasons if why is not None} == {("load", None)}


def test_where_the_ways_have_parted_it_is_the_whole_way_to_the_best(
    tiny: Artifact, tmp_path: Path
) -> None:
    """Off the ladder no better variant begins with what has run: the choice was at the fork."""
    engine = FakeEngine(write_forked(tiny, tmp_path / "tiny"))
    engine.tick(STEP_S)
    answer = engine.send(Budget(max_latency_ms=5.5)).result(20)
    why = answer.degraded_because
    assert why is not None
    assert (answer.variant, why.reason, why.variant) == ("p1011", "time", "full")
    assert why.left_s == pytest.approx(0.0055)
    assert why.predicted_s == pytest.approx(GUESS.needed_s(6, 6 * STEP_S, 0.9))
