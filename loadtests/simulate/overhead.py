"""What a decision costs its owner, with rows that come, move and go."""

from __future__ import annotations

import random
import time
from bisect import insort
from collections.abc import Iterator

from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import Decision, RowView, Snapshot, urgency
from loadtests.simulate.world import SimulatedDevice

_BUDGETS_S = (0.05, 0.7)
_SETTLING_ROUNDS = 300


class _Owner:
    """Keeps `live` rows: one that ends is replaced by an arrival at the next round."""

    def __init__(self, world: SimulatedDevice, live: int) -> None:
        self._world, self._live = world, live
        self._route = world.route()
        self._random = random.Random(0)
        self._rate = ArrivalRate()
        self._rows: list[RowView] = []
        self._number = 0
        self._now = 0.0

    def round(self) -> float:
        """Return the seconds that arrivals, snapshot, decision and applying it took."""
        missing = range(self._live - len(self._rows))
        budgets_s = [self._random.uniform(*_BUDGETS_S) for _ in missing]
        begun = time.perf_counter()
        for budget_s in budgets_s:
            self._arrive(self._now + budget_s)
        hz = self._rate.hz(self._now)
        decision = decide(Snapshot(self._rows, self._world.max_batch, hz), self._now)
        self._apply(decision)
        took_s = time.perf_counter() - begun
        if decision.run is not None:
            fixed_s, row_s = self._world.line(decision.run.stage, decision.run.bucket)
            self._now += fixed_s + row_s * len(decision.run.rows)
        return took_s

    def _arrive(self, deadline_s: float) -> None:
        self._number += 1
        self._rate.add(self._now)
        insort(self._rows, RowView(self._number, self._route, deadline_s, deadline_s), key=urgency)

    def _apply(self, decision: Decision) -> None:
        gone = {row.id for row in decision.expire}
        for row in decision.final:
            row.final = True
            if row.route.head_call is None:
                gone.add(row.id)
        if decision.run is not None:
            for row in decision.run.rows:
                if row.final:
                    gone.add(row.id)
                else:
                    row.position += 1
        if gone:
            self._rows = [row for row in self._rows if row.id not in gone]


def rounds_us(world: SimulatedDevice, live: int, rounds: int) -> Iterator[float]:
    """Yield the microseconds of each round, once rows are spread over all depths."""
    owner = _Owner(world, live)
    for _ in range(_SETTLING_ROUNDS):
        owner.round()
    for _ in range(rounds):
        yield owner.round() * 1e6
