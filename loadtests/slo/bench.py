"""What a run of the live benchmark is given, what comes of it, and how a rival is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from artifact.errors import how_to_install
from engine.backends.registry import installed_backends
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.processes.ports import free_port
from loadtests.kit.progress import Report
from loadtests.rivals.options import RivalOptions
from loadtests.slo import servers
from loadtests.slo.judging.calibration import Tenth, together
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import CellResult, Offering
from loadtests.slo.workload import Cell, CellLength, bodies
from loadtests.slo.yardstick import Yardstick, measure_yardstick

_YARDSTICK = TypeAdapter(Yardstick)


@dataclass(frozen=True)
class SloBench:
    """Where things are, and what is offered.

    `artifacts` holds the family and, in `cache`, what our server learns of it; `rivals_folder` is
    the environment of the rivals. Visits of turn k draw from `seed` + k.
    """

    artifacts: Path
    rivals_folder: Path
    cells: tuple[Cell, ...]
    length: CellLength
    seed: int

    @property
    def cache(self) -> Path:
        """Where latency profiles are kept."""
        return self.artifacts / "cache"

    def offering(self, yardstick: Yardstick, seed: int) -> Offering:
        """Return what is offered to a server."""
        return Offering(yardstick.capacity_hz, yardstick.solo_s, self.length, seed)


@dataclass
class SloResults:
    """What came of a run on one backend.

    `absent` says why a rival has no rows, `failures` are among those.
    """

    yardstick: Yardstick
    rows: list[CellResult] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def tenths(self) -> list[Sequence[Tenth]]:
        """Our server's chances of being on time, turn by turn."""
        ours = [row for row in self.rows if row.tenths]
        turns = sorted({row.turn for row in ours})
        return [together(row.tenths for row in ours if row.turn == turn) for turn in turns]

    def drop(self, rival: str, error: BenchError) -> None:
        """Leave a rival out that failed."""
        self.rows = [row for row in self.rows if row.side != rival]
        self.absent[rival] = str(error)
        self.failures.append(f"{rival}: {error}")


def absent(rival: str, folder: Path) -> str | None:
    """Return what to type if a rival, or our server on its library, cannot run here."""
    backend = servers.RIVALS[rival].backend
    if backend not in installed_backends():
        return f"our server on {backend} is not installed: {how_to_install(backend)}"
    return servers.missing(rival, folder)


def kept_yardstick(backend: str, setup: SloBench, journal: Journal, report: Report) -> Yardstick:
    """Return the yardstick of a backend, measured unless the journal has it.

    Raises:
        BenchError: something that is needed did not work.
    """
    key = f"yardstick of {backend}"
    if key not in journal:
        family = setup.artifacts / FAMILY
        found = measure_yardstick(family, setup.cache, setup.seed, report, backend)
        journal.add(key, _YARDSTICK.dump_python(found, mode="json"))
    return _YARDSTICK.validate_python(journal.get(key))


@contextmanager
def started_rival(
    setup: SloBench, yardstick: Yardstick, chosen: tuple[str, str, RivalSettings]
) -> Iterator[servers.Running]:
    """Run a rival's variant with settings until the block ends.

    Raises:
        BenchError: it did not become ready.
    """
    rival, variant, settings = chosen
    options = RivalOptions(
        artifact=str(yardstick.artifact),
        variant=variant,
        port=free_port(),
        threads=settings.threads,
        max_batch=settings.max_batch,
        wait_ms=settings.wait_ms,
        timeout_ms=round(settings.timeout_over_solo * yardstick.solo_s * 1e3),
        workers=settings.workers,
        spin=settings.spin,
    )
    probe = bodies([{}], setup.seed)[0]
    with servers.rival(setup.rivals_folder, rival, options, probe) as server:
        yield server
