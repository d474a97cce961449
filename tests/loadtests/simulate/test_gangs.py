from __future__ import annotations

from loadtests.simulate.gangs import fixed, run_gangs, slackfit
from loadtests.simulate.world import SimulatedDevice

WORLD = SimulatedDevice()


def test_slackfit_takes_the_bucket_below_the_slack() -> None:
    rule = slackfit(WORLD)
    assert rule(WORLD.service_s(6, 1), 9) == (1, 0)
    assert rule(1.0, 99) == (16, 6)
    batch, depth = rule(0.015, 99)
    assert WORLD.service_s(WORLD.depths[depth], batch) <= 0.015


def test_gangs_of_the_full_model_are_right_at_low_load() -> None:
    outcome = run_gangs("full", fixed(WORLD, 6), 6, [0.0, 0.1], 0.036, WORLD)
    assert (outcome.attainment, outcome.mean_quality) == (1.0, 82.5)
