from __future__ import annotations

import pytest

from loadtests.simulate.arrivals import (
    gamma_arrivals,
)
from loadtests.simulate.bound import fluid_bound
from loadtests.simulate.study import ELASTIC, SLACKFIT, compare
from loadtests.simulate.world import SimulatedDevice

WORLD = SimulatedDevice()


@pytest.mark.parametrize("keys", [1, 2, 12])
def test_no_policy_passes_the_bound_and_elastic_leads(keys: int) -> None:
    arrivals = gamma_arrivals(800, 1.0, 8.0, seed=1)
    result = compare("burst", arrivals, 0.036, SimulatedDevice(keys=keys), seed=1)
    assert result.bound is not None
    assert max(outcome.effective for outcome in result.outcomes) <= result.bound + 1e-6
    assert result.of(ELASTIC).effective > result.of(SLACKFIT).effective + 1


def test_the_bound_is_reached_when_there_is_time_for_all() -> None:
    assert fluid_bound([0.0, 0.1, 0.2], 0.036, WORLD) == pytest.approx(82.5)
