from __future__ import annotations

import pytest

from loadtests.simulate.arrivals import (
    gamma_arrivals,
)
from loadtests.simulate.lockstep import Lockstep
from loadtests.simulate.machine import Machine
from loadtests.simulate.world import SimulatedDevice

WORLD = SimulatedDevice()


def test_gangs_do_alike_whatever_the_keys() -> None:
    arrivals = gamma_arrivals(500, 1.0, 8.0, seed=2)
    one, many = (
        Machine(SimulatedDevice(keys=keys), Lockstep(16)).run("gangs", arrivals, 0.036)
        for keys in (1, 12)
    )
    assert one == many


def test_gangs_answer_through_a_head_before_anything_else_runs() -> None:
    arrivals = gamma_arrivals(500, 0.5, 8.0, seed=2)
    without = Machine(WORLD, Lockstep(8)).run("gangs", arrivals, 0.036)
    free = Machine(SimulatedDevice(head=(1e-12, 0.0)), Lockstep(8)).run("gangs", arrivals, 0.036)
    assert free.effective == pytest.approx(without.effective, abs=0.5)
    dear = Machine(SimulatedDevice(head=(2e-3, 1e-4)), Lockstep(8)).run("gangs", arrivals, 0.036)
    assert 0 < dear.effective < without.effective
