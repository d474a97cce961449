"""What `otmv bench slo` does: our server and the rivals in turns, against one yardstick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from artifact.latency.machine import usable_cores
from artifact.store import open_artifact
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.asking.tasks import WORKLOAD
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.ports import free_port
from loadtests.kit.progress import Report
from loadtests.rivals.options import RivalOptions
from loadtests.slo import capacity, servers
from loadtests.slo.calibration import Tenth, scrape
from loadtests.slo.sweep import CELL, GRID, RivalSettings, Trial
from loadtests.slo.visits import OURS, CellResult, Offering, Yardstick, solo_s
from loadtests.slo.workload import Cell, bodies

LOADS = (0.5, 1.0, 1.5, 2.0)
BURSTS = (4.0, 1.0)
EVERY_CELL = tuple(Cell(load, cv2) for cv2 in BURSTS for load in LOADS)
QUICK_CELLS = (Cell(1.0, 4.0), Cell(2.0, 4.0))
QUICK_RIVALS = ("litserve", "ray")


@dataclass(frozen=True)
class SloBench:
    """Where things are, and what is offered.

    `artifacts` holds the family and, in `cache`, what our server learns of it; `rivals_folder` is
    the environment of the rivals.
    """

    artifacts: Path
    rivals_folder: Path
    offering: Offering

    @property
    def cache(self) -> Path:
        """Where latency profiles are kept."""
        return self.artifacts / "cache"


@dataclass
class SloResults:
    """What came of a run; `absent` says why a rival has no rows, `failures` are among those.

    `tenths` has our server's chances of being on time, visit by visit.
    """

    yardstick: Yardstick
    rows: list[CellResult] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    tenths: list[Sequence[Tenth]] = field(default_factory=list)


def measure_yardstick(artifact: Path, setup: SloBench, report: Report) -> Yardstick:
    """Measure capacity and solo time of an artifact's variants.

    Raises:
        BenchError: something that is needed did not work.
    """
    variants = open_artifact(artifact, verify=False).manifest.variants
    deep = sorted(variants, key=lambda variant: len(variant.pattern))
    quality = {v.id: v.quality_of(WORKLOAD.name, "fp32") or 0.0 for v in deep}
    report("capacity of each variant's graph", 0.0)
    yardstick = Yardstick(artifact.absolute(), quality, capacity.measure(artifact), 0.0)
    report("solo time of the full variant", 0.0)
    with servers.ours(artifact, setup.cache) as server:
        found_s = solo_s(server, yardstick.full, yardstick.capacity_hz, setup.offering.seed)
    return replace(yardstick, solo_s=found_s)


def run_alone(artifact: Path, setup: SloBench, report: Report) -> SloResults:
    """Measure our server only.

    Raises:
        BenchError: it could not be measured.
    """
    measured = SloResults(measure_yardstick(artifact, setup, report))
    _visit_ours(measured, setup, 0, report, 0.0)
    return measured


def run_beside(
    settings: Mapping[str, RivalSettings], setup: SloBench, report: Report
) -> SloResults:
    """Measure our server before each rival and after the last; each rival with every variant.

    A rival that fails does not stop the others.

    Raises:
        BenchError: our own server or the client could not be measured.
    """
    measured = SloResults(measure_yardstick(setup.artifacts / FAMILY, setup, report))
    steps = len(settings) * (1 + len(measured.yardstick.quality)) + 1
    for turn, (rival, chosen) in enumerate(settings.items()):
        begun = turn * (1 + len(measured.yardstick.quality))
        _visit_ours(measured, setup, turn, report, begun / steps)
        try:
            for number, variant in enumerate(measured.yardstick.quality, 1):
                share = (begun + number) / steps
                _visit_rival(measured, setup, (rival, variant, chosen), report, share)
        except BenchError as error:
            measured.rows = [row for row in measured.rows if row.side != rival]
            measured.absent[rival] = str(error)
            measured.failures.append(f"{rival}: {error}")
    _visit_ours(measured, setup, len(settings), report, (steps - 1) / steps)
    return measured


def sweep(rivals: Sequence[str], setup: SloBench, report: Report) -> dict[str, list[Trial]]:
    """Try every setting of every rival on the full variant, at one load.

    Raises:
        BenchError: a rival cannot be measured.
    """
    yardstick = measure_yardstick(setup.artifacts / FAMILY, setup, report)
    offering = replace(setup.offering, cells=(CELL,))
    trials: dict[str, list[Trial]] = {rival: [] for rival in rivals}
    tasks = [(rival, settings) for rival in rivals for settings in GRID]
    for number, (rival, settings) in enumerate(tasks):
        report(f"{rival}: {settings}", number / len(tasks))
        with _rival(setup, yardstick, (rival, yardstick.full, settings)) as server:
            for _, score in offering.visit(server, yardstick):
                trials[rival].append(Trial(settings, score.effective, score.attainment))
    return trials


def _visit_ours(
    measured: SloResults, setup: SloBench, turn: int, report: Report, share: float
) -> None:
    report(f"{OURS}: starting", share)
    with servers.ours(measured.yardstick.artifact, setup.cache) as server:
        for cell, score in setup.offering.visit(server, measured.yardstick):
            report(f"{OURS}: {cell.name}: {score.effective:.1f}", share)
            measured.rows.append(CellResult(OURS, "", turn, cell, score))
        measured.tenths.append(scrape(server.host, server.port))


Rival = tuple[str, str, RivalSettings]
"""Name, variant, settings."""


def _visit_rival(
    measured: SloResults, setup: SloBench, chosen: Rival, report: Report, share: float
) -> None:
    rival, variant, _ = chosen
    report(f"{rival} {variant}: starting", share)
    with _rival(setup, measured.yardstick, chosen) as server:
        for cell, score in setup.offering.visit(server, measured.yardstick):
            report(f"{rival} {variant}: {cell.name}: {score.effective:.1f}", share)
            measured.rows.append(CellResult(rival, variant, 0, cell, score))


@contextmanager
def _rival(setup: SloBench, yardstick: Yardstick, chosen: Rival) -> Iterator[servers.Running]:
    rival, variant, settings = chosen
    options = RivalOptions(
        artifact=str(yardstick.artifact),
        variant=variant,
        port=free_port(),
        threads=usable_cores(),
        max_batch=settings.max_batch,
        wait_ms=settings.wait_ms,
        timeout_ms=round(settings.timeout_over_solo * yardstick.solo_s * 1e3),
    )
    probe = bodies([{}], setup.offering.seed)[0]
    with servers.rival(setup.rivals_folder, rival, options, probe) as server:
        yield server
