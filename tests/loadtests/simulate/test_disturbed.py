from __future__ import annotations

from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.simulate.bars import disturbed_bar
from loadtests.simulate.disturbance import Disturbance
from loadtests.simulate.program import HEAD
from loadtests.simulate.study import ELASTIC, SLACKFIT, STRICT, compare
from loadtests.simulate.world import SimulatedDevice


def test_every_rival_is_run_beside_ours_under_heavy_tails() -> None:
    device = SimulatedDevice(head=HEAD, disturbance=Disturbance(tail_share=0.05))
    arrivals = gamma_arrivals(500, 2.0, 1.0, seed=1)
    result = compare("tails", arrivals, 0.036, device, seed=1, bound=False)
    assert {ELASTIC, STRICT, SLACKFIT, "fixed d24", "gangs-8"} <= {
        o.policy for o in result.outcomes
    }
    assert result.of(ELASTIC).effective > result.of(SLACKFIT).effective
    bar = disturbed_bar("heavy tails", [result])
    assert (bar.name, bar.verdict) == ("simulate.heavy-tails.mean-minus-best-rival", "ok")
