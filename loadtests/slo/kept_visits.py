"""One visit to a server, as far as the journal lacks its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import TypeAdapter

from loadtests.kit.journal import Journal
from loadtests.slo import servers
from loadtests.slo.bench import SloBench, SloResults, started_rival
from loadtests.slo.judging.calibration import Tenth, less, scrape
from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.plan import PlannedVisit
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell

_RESULT = TypeAdapter(CellResult)


@dataclass(frozen=True)
class KeptVisit:
    """One visit, as far as the journal has not its cells."""

    planned: PlannedVisit
    settings: RivalSettings | None
    found: SloResults
    setup: SloBench
    journal: Journal

    def rows(self) -> Iterator[CellResult]:
        """Yield every cell's result, in order; a server is started if one is missing."""
        missing = []
        for cell in self.setup.cells:
            known = self.journal.get(self.planned.key(cell))
            if known is not None:
                yield _RESULT.validate_python(known)
            elif self._cannot_win(cell):
                yield self._keep(cell, None, ())
            else:
                missing.append(cell)
        if missing:
            with self._server() as server:
                yield from self._measured(server, missing)

    def _measured(self, server: servers.Running, cells: Sequence[Cell]) -> Iterator[CellResult]:
        yardstick = self.found.yardstick
        offering = self.setup.offering(yardstick, self.setup.seed + self.planned.turn)
        offering.warm(server)
        before = self._tenths(server)
        for cell in cells:
            score = offering.cell(server, cell, yardstick.quality)
            after = self._tenths(server)
            yield self._keep(cell, score, less(after, before))
            before = after

    def _tenths(self, server: servers.Running) -> Sequence[Tenth]:
        return scrape(server.host, server.port) if self.planned.side == OURS else ()

    def _keep(self, cell: Cell, score: CellScore | None, tenths: tuple[Tenth, ...]) -> CellResult:
        planned = self.planned
        row = CellResult(planned.side, planned.variant, planned.turn, cell, score, tenths)
        self.journal.add(planned.key(cell), _RESULT.dump_python(row, mode="json"))
        return row

    def _cannot_win(self, cell: Cell) -> bool:
        """Tell whether another variant of this rival scored more than this one's quality."""
        if self.planned.side == OURS:
            return False
        most = 100 * self.found.yardstick.quality[self.planned.variant]
        return any(
            row.score.effective > most
            for row in self.found.rows
            if (row.side, row.turn, row.cell) == (self.planned.side, self.planned.turn, cell)
            if row.score is not None
        )

    @contextmanager
    def _server(self) -> Iterator[servers.Running]:
        yardstick, setup = self.found.yardstick, self.setup
        if self.settings is None:
            with servers.ours(yardstick.artifact, setup.cache, yardstick.backend) as server:
                yield server
        else:
            chosen = (self.planned.side, self.planned.variant, self.settings)
            with started_rival(setup, yardstick, chosen) as server:
                yield server
