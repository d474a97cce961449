"""One simulated device that does what a `decide` says, step by step."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.elastic.chances import CallTimes
from engine.elastic.correction import Correction
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import (
    DEFAULT,
    Decision,
    PolicyNumbers,
    RowView,
    Run,
    Snapshot,
    urgency,
)
from loadtests.simulate.disturbance import CallFactors
from loadtests.simulate.world import SimulatedDevice, SimulatedOutcome

Decide = Callable[[Snapshot, float], Decision]

_LATE_S = 1e-9


class Stuck(Exception):
    """The policy left live rows and neither ran, settled nor expired any."""


@dataclass(slots=True)
class _Promised:
    """A row's way to its first stop, and the p90 it was promised at its start.

    `mean_s` is the prediction for the whole way, made at `started_s`.
    """

    started_s: float
    mean_s: float
    high_s: float | None = None


class Machine:
    """Simulates one policy over one list of arrivals; use once."""

    def __init__(
        self,
        world: SimulatedDevice,
        decide: Decide,
        numbers: PolicyNumbers = DEFAULT,
        seed: int = 0,
        least_chance: float | None = None,
    ) -> None:
        self._world = world
        self._decide = decide
        self._numbers = numbers
        self._least_chance = least_chance
        self._route = world.route()
        self._factors = CallFactors(world.disturbance, seed)
        self._rows: list[RowView] = []
        self._trips: dict[int, _Promised] = {}
        self._whole = Correction()  # actual / mean of a whole way, waits included: the promised p90
        self._times = CallTimes()
        self._rate = ArrivalRate()
        self._now = 0.0
        self._next_arrival = math.inf
        self._on_time = 0
        self._points = 0.0
        self._scored = self._covered = 0

    def run(self, policy: str, arrivals: Sequence[float], budget_s: float) -> SimulatedOutcome:
        """Return what became of requests with one latency budget, dropped when it is lost.

        Raises:
            Stuck: the policy does nothing while rows wait.
        """
        after, offered = 0, len(arrivals)
        while after < offered or self._rows:
            if not self._rows:
                self._now = max(self._now, arrivals[after])
            while after < offered and arrivals[after] <= self._now:
                self._arrive(after, arrivals[after], budget_s)
                after += 1
            self._next_arrival = arrivals[after] if after < offered else math.inf
            self._apply(self._decide(self._snapshot(), self._now))
        whole = max(offered, 1)
        coverage = self._covered / self._scored if self._scored else None
        return SimulatedOutcome(
            policy, offered, self._on_time / whole, self._points / whole, coverage
        )

    def _arrive(self, number: int, at_s: float, budget_s: float) -> None:
        self._rate.add(at_s)
        row = RowView(
            number, self._route, at_s + budget_s, at_s + budget_s, least_chance=self._least_chance
        )
        insort(self._rows, row, key=urgency)

    def _snapshot(self) -> Snapshot:
        chances = self._times.chances
        return Snapshot(
            self._rows,
            self._world.max_batch,
            self._rate.hz(self._now),
            chances.level,
            chances,
            numbers=self._numbers,
        )

    def _apply(self, decision: Decision) -> None:
        gone = {row.id for row in decision.expire}
        for row in decision.expire:
            self._arrived(row)
        for row in decision.final:
            row.final = True
            if self._route.head_call is None:
                self._answer(row)
                gone.add(row.id)
        if decision.run is None and not decision.final and not gone and self._rows:
            raise Stuck
        if decision.run is not None:
            gone |= self._step(decision.run)
        if gone:
            self._rows = [row for row in self._rows if row.id not in gone]

    def _step(self, run: Run) -> set[int]:
        """Run the calls; return the rows that are answered by them."""
        for row in run.rows:
            if row.position == 0:
                self._depart(row, len(run.rows))
        for _ in range(run.steps):
            self._call(run)
            if run.rows[0].final:
                for row in run.rows:
                    self._answer(row)
                return {row.id for row in run.rows}
            for row in run.rows:
                row.position += 1
                if row.id in self._trips and self._route.passed[row.position]:
                    self._arrived(row)
            if self._now >= self._next_arrival or not self._goes_on(run):
                break
        return set()

    def _goes_on(self, run: Run) -> bool:
        """Tell whether every row's next call is the same again."""
        calls = self._route.calls
        return all(
            row.position < len(calls) and calls[row.position] == (run.stage, run.bucket)
            for row in run.rows
        )

    def _call(self, run: Run) -> None:
        fixed_s, row_s = self._world.line(run.stage, 0)
        mean_s, factor = fixed_s + row_s * len(run.rows), self._factors.next(self._now)
        self._now += mean_s * factor
        self._times.add(mean_s * factor, mean_s, self._now)

    def _answer(self, row: RowView) -> None:
        if row.deadline_s >= self._now - _LATE_S:
            self._on_time += 1
            self._points += self._route.banked(row.position).quality

    def _depart(self, row: RowView, newcomers: int) -> None:
        """Predict when the row reaches its first stop; they share calls with those under way."""
        under_way = sum(1 for r in self._rows if r.position and not r.final)
        batch = min(self._world.max_batch, newcomers + under_way)
        head_fixed_s, head_row_s = self._route.head_line
        mean_s = self._route.fixed_s[0] - head_fixed_s
        mean_s += (self._route.row_s[0] - head_row_s) * batch
        high = self._whole.high
        high_s = mean_s * high if high != 1.0 else None
        self._trips[row.id] = _Promised(self._now, mean_s, high_s=high_s)

    def _arrived(self, row: RowView) -> None:
        """Score the prediction, and learn from it; a row that expires on the way counts as late."""
        trip = self._trips.pop(row.id, None)
        if trip is None:
            return
        took_s = self._now - trip.started_s
        if trip.high_s is not None:
            self._scored += 1
            self._covered += took_s <= trip.high_s and self._route.passed[row.position] > 0
        self._whole.add(took_s / trip.mean_s, self._now)
