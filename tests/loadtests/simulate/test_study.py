from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("scipy")

from engine.elastic.decide import decide
from engine.elastic.snapshot import Decision, Snapshot
from loadtests.simulate.arrivals import (
    TraceError,
    gamma_arrivals,
    ramp_arrivals,
    trace_arrivals,
)
from loadtests.simulate.bars import overhead_bar
from loadtests.simulate.bound import fluid_bound
from loadtests.simulate.gangs import fixed, run_gangs, slackfit
from loadtests.simulate.lockstep import Lockstep
from loadtests.simulate.machine import Machine
from loadtests.simulate.study import ELASTIC, SLACKFIT, compare
from loadtests.simulate.world import World

WORLD = World()


@pytest.mark.parametrize("cv2", [1.0, 2.0, 4.0, 8.0])
def test_arrivals_are_seeded_and_have_the_rate(cv2: float) -> None:
    first = gamma_arrivals(500, 20, cv2, seed=3)
    assert first == gamma_arrivals(500, 20, cv2, seed=3) != gamma_arrivals(500, 20, cv2, seed=4)
    assert first == sorted(first)
    assert len(first) == pytest.approx(10_000, rel=0.1)


def test_a_ramp_has_more_arrivals_at_its_high_end() -> None:
    times = ramp_arrivals(100, 900, 10, seed=0)
    assert sum(time > 5 for time in times) / len(times) == pytest.approx(0.7, abs=0.03)


def test_a_trace_starts_at_zero_and_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("# seconds\n5.5\n5.0\n9.0\n")
    assert trace_arrivals(path, 3.0) == [0.0, 0.5]
    for text in ("", "one\n", "nan\n"):
        path.write_text(text)
        with pytest.raises(TraceError, match="one time in seconds per line"):
            trace_arrivals(path, 3.0)


def test_slackfit_takes_the_bucket_below_the_slack() -> None:
    rule = slackfit(WORLD)
    assert rule(WORLD.service_s(6, 1), 9) == (1, 0)
    assert rule(1.0, 99) == (16, 6)
    batch, depth = rule(0.015, 99)
    assert WORLD.service_s(WORLD.depths[depth], batch) <= 0.015


def test_a_lone_request_goes_all_the_way() -> None:
    outcome = Machine(WORLD, decide).run("alone", [0.0], 0.036)
    assert (outcome.attainment, outcome.effective) == (1.0, 82.5)


def test_a_request_cut_short_answers_from_its_last_stop() -> None:
    budget_s = (WORLD.service_s(9, 1) + WORLD.service_s(12, 1)) / 2
    outcome = Machine(WORLD, decide).run("short", [0.0], budget_s)
    assert (outcome.attainment, outcome.effective) == (1.0, 76.0)


@pytest.mark.parametrize("keys", [1, 2, 12])
def test_nobody_passes_the_bound_and_elastic_leads(keys: int) -> None:
    arrivals = gamma_arrivals(800, 1.0, 8.0, seed=1)
    result = compare("burst", arrivals, 0.036, World(keys=keys), seed=1)
    assert result.bound is not None
    assert max(outcome.effective for outcome in result.outcomes) <= result.bound + 1e-6
    assert result.of(ELASTIC).effective > result.of(SLACKFIT).effective + 1


def test_the_bound_is_reached_when_there_is_time_for_all() -> None:
    assert fluid_bound([0.0, 0.1, 0.2], 0.036, WORLD) == pytest.approx(82.5)


def test_heads_that_cost_are_run() -> None:
    world = replace(WORLD, head=(0.2e-3, 0.01e-3))
    arrivals = gamma_arrivals(500, 0.5, 1.0, seed=0)
    assert Machine(world, decide).run("heads", arrivals, 0.036).attainment == 1.0


def test_gangs_of_the_full_model_are_right_at_low_load() -> None:
    outcome = run_gangs("full", fixed(WORLD, 6), 6, [0.0, 0.1], 0.036, WORLD)
    assert (outcome.attainment, outcome.mean_quality) == (1.0, 82.5)


def test_a_decision_over_256_rows_is_quick() -> None:
    assert overhead_bar(rounds=51).measured < 3_000  # the bar is 300 on an idle machine


def test_gangs_do_alike_whatever_the_keys() -> None:
    arrivals = gamma_arrivals(500, 1.0, 8.0, seed=2)
    one, many = (
        Machine(World(keys=keys), Lockstep(16)).run("gangs", arrivals, 0.036) for keys in (1, 12)
    )
    assert one == many


def test_gangs_answer_through_a_head_before_anything_else_runs() -> None:
    arrivals = gamma_arrivals(500, 0.5, 8.0, seed=2)
    without = Machine(WORLD, Lockstep(8)).run("gangs", arrivals, 0.036)
    free = Machine(World(head=(1e-12, 0.0)), Lockstep(8)).run("gangs", arrivals, 0.036)
    assert free.effective == pytest.approx(without.effective, abs=0.5)
    dear = Machine(World(head=(2e-3, 1e-4)), Lockstep(8)).run("gangs", arrivals, 0.036)
    assert 0 < dear.effective < without.effective


def test_a_run_of_several_steps_ends_where_somebody_arrives_or_the_stage_changes() -> None:
    calls: list[int] = []

    def eight(snapshot: Snapshot, now: float) -> Decision:
        decision = decide(snapshot, now)
        calls.append(snapshot.rows[0].position)
        return (
            decision
            if decision.run is None
            else replace(decision, run=replace(decision.run, steps=8))
        )

    outcome = Machine(World(keys=2), eight).run("alone", [0.0], 0.036)
    assert outcome.effective == 82.5
    assert calls[:5] == [0, 1, 9, 13, 21]
    calls.clear()
    Machine(World(keys=2), eight).run("two", [0.0, 0.5e-3], 0.036)
    assert calls[:3] == [0, 1, 2]
