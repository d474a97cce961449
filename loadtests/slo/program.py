"""What `otmv bench slo` does: our server and the rivals in turns, kept cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.progress import Report
from loadtests.slo import servers
from loadtests.slo.bench import SloBench, SloResults, kept_yardstick
from loadtests.slo.kept_visits import KeptVisit
from loadtests.slo.plan import PlannedVisit, in_words, plan_visits, visit_s
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import OURS

TunedRivals = Mapping[str, Mapping[str, RivalSettings]]
"""By rival and variant, its settings."""


@dataclass(frozen=True)
class SloRun:
    """A run that can begin, or go on: its yardsticks are measured. `measured` is by backend."""

    tuned: TunedRivals
    turns: int
    setup: SloBench
    journal: Journal
    measured: Mapping[str, SloResults]

    @cached_property
    def visits(self) -> list[PlannedVisit]:
        """Every visit, in order."""
        rivals = {
            backend: {
                rival: list(found.yardstick.quality)
                for rival in self.tuned
                if servers.RIVALS[rival].backend == backend
            }
            for backend, found in self.measured.items()
        }
        return plan_visits(rivals, self.turns)

    @cached_property
    def expected_s(self) -> dict[PlannedVisit, float]:
        """About how long each visit takes; 0 if the journal has all of it."""
        found = {}
        for visit in self.visits:
            left = [each for each in self.setup.cells if visit.key(each) not in self.journal]
            capacity_hz = self.measured[visit.backend].yardstick.capacity_hz
            found[visit] = visit_s(left, capacity_hz, self.setup.length)
        return found

    @property
    def said(self) -> str:
        """What is left to do, in a line."""
        keys = [visit.key(cell) for visit in self.visits for cell in self.setup.cells]
        left = sum(key not in self.journal for key in keys)
        took = in_words(sum(self.expected_s.values()))
        return f"{left} of {len(keys)} cells to measure, about {took}; journal: {self.journal.path}"

    def run(self, report: Report) -> Mapping[str, SloResults]:
        """Measure; a rival that fails does not stop the others.

        Raises:
            BenchError: our own server or the client could not be measured.
        """
        whole_s = max(1.0, sum(self.expected_s.values()))
        done_s = 0.0
        for visit in self.visits:
            self._visit(visit, report, done_s / whole_s)
            done_s += self.expected_s[visit]
        return self.measured

    def _visit(self, visit: PlannedVisit, report: Report, share: float) -> None:
        found = self.measured[visit.backend]
        if visit.side in found.absent:
            return
        report(f"{visit.name}: starting", share)
        settings = self.tuned[visit.side][visit.variant] if visit.side != OURS else None
        try:
            for row in KeptVisit(visit, settings, found, self.setup, self.journal).rows():
                found.rows.append(row)
                scored = "left out" if row.score is None else f"{row.score.effective:.1f}"
                report(f"{visit.name}: {row.cell.name}: {scored}", share)
        except BenchError as error:
            if visit.side == OURS:
                raise
            found.drop(visit.side, error)


def plan_run(
    tuned: TunedRivals, turns: int, setup: SloBench, journal: Journal, report: Report
) -> SloRun:
    """Return a run of our server and each rival's every variant, `turns` visits each.

    Raises:
        BenchError: a yardstick could not be measured.
    """
    backends = dict.fromkeys(servers.RIVALS[rival].backend for rival in tuned)
    measured = {each: SloResults(kept_yardstick(each, setup, journal, report)) for each in backends}
    return SloRun(tuned, turns, setup, journal, measured)
