from __future__ import annotations

from dataclasses import replace

from engine.elastic.decide import decide
from engine.elastic.snapshot import Decision, Snapshot
from loadtests.simulate.arrivals import (
    gamma_arrivals,
)
from loadtests.simulate.machine import Machine
from loadtests.simulate.world import SimulatedDevice

WORLD = SimulatedDevice()


def test_a_lone_request_goes_all_the_way() -> None:
    outcome = Machine(WORLD, decide).run("alone", [0.0], 0.036)
    assert (outcome.attainment, outcome.effective) == (1.0, 82.5)


def test_a_request_cut_short_answers_from_its_last_stop() -> None:
    budget_s = (WORLD.service_s(9, 1) + WORLD.service_s(12, 1)) / 2
    outcome = Machine(WORLD, decide).run("short", [0.0], budget_s)
    assert (outcome.attainment, outcome.effective) == (1.0, 76.0)


def test_heads_that_cost_are_run() -> None:
    world = replace(WORLD, head=(0.2e-3, 0.01e-3))
    arrivals = gamma_arrivals(500, 0.5, 1.0, seed=0)
    assert Machine(world, decide).run("heads", arrivals, 0.036).attainment == 1.0


def test_a_run_of_several_steps_ends_where_a_request_arrives_or_the_stage_changes() -> None:
    calls: list[int] = []

    def eight(snapshot: Snapshot, now: float) -> Decision:
        decision = decide(snapshot, now)
        calls.append(snapshot.rows[0].position)
        return (
            decision
            if decision.run is None
            else replace(decision, run=replace(decision.run, steps=8))
        )

    outcome = Machine(SimulatedDevice(keys=2), eight).run("alone", [0.0], 0.036)
    assert outcome.effective == 82.5
    assert calls[:5] == [0, 1, 9, 13, 21]
    calls.clear()
    Machine(SimulatedDevice(keys=2), eight).run("two", [0.0, 0.5e-3], 0.036)
    assert calls[:3] == [0, 1, 2]
