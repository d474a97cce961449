"""What measuring and tuning of `otmv bench slo` have in common: options, files, facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtests.slo.bench import SloBench
    from loadtests.slo.program import TunedRivals
    from loadtests.slo.workload import Cell

Report = Callable[[str, float], None]

RIVALS_CODE = (
    "artifact",
    "loadtests/kit/asking",
    "loadtests/kit/processes",
    "loadtests/rivals",
    "loadtests/simulate/arrivals.py",
    *(
        f"loadtests/slo/{name}.py"
        for name in (
            "capacity",
            "client",
            "judging/scoring",
            "kept_visits",
            "servers",
            "visits",
            "workload",
            "yardstick",
        )
    ),
)
"""Code that decides what is measured of a rival. What comes after, tables say, may change."""
OUR_CODE = ("engine", "server", *RIVALS_CODE)
"""The same with our server."""


@dataclass(frozen=True)
class SloOptions:
    """Options of every kind of run."""

    artifacts: Path
    seconds: float
    requests: int
    seed: int
    journal: Path | None
    fresh: bool

    def setup(self, cells: tuple[Cell, ...], seed: int | None = None) -> SloBench:
        """Return what is offered, and where things are."""
        from loadtests.slo.bench import SloBench
        from loadtests.slo.servers import ENVIRONMENT
        from loadtests.slo.workload import CellLength

        length = CellLength(least_s=self.seconds, least_requests=self.requests)
        drawn = self.seed if seed is None else seed
        return SloBench(self.artifacts, ENVIRONMENT, cells, length, drawn)

    def journal_file(self, kind: str) -> Path:
        """Return where the journal of a kind of run lies."""
        return self.journal or self.artifacts / f"slo-{kind}.jsonl"

    def run(self, facts: Mapping[str, Any], code: Sequence[str]) -> dict[str, Any]:
        """Return what a journal's numbers depend on."""
        from artifact.latency.machine import machine_fingerprint
        from loadtests.kit.origin import code_hash

        return {
            "machine": machine_fingerprint(),
            "code": code_hash(code),
            **facts,
            "options": {"seconds": self.seconds, "requests": self.requests, "seed": self.seed},
        }


def export_family(setup: SloBench, report: Report) -> dict[str, Any]:
    """Export what is missing; return the facts that every results file holds."""
    from loadtests.kit.artifacts import FAMILY, ensure_artifacts
    from loadtests.slo.servers import RIVALS, version_in

    packages = (*(each.package for each in RIVALS.values()), "onnxruntime")
    hashes = ensure_artifacts(setup.artifacts, [FAMILY], report)
    return {
        "artifacts": hashes,
        "rivals": {name: version_in(setup.rivals_folder, name) for name in packages},
    }


def prepare(
    setup: SloBench, rivals: Sequence[str], settings: Path | None, report: Report
) -> tuple[dict[str, Any], TunedRivals]:
    """Export what is missing; return the facts of it, and the rivals' settings.

    Raises:
        BenchError: a rival has no settings, or exporting failed.
    """
    from artifact.store import open_artifact
    from loadtests.kit.artifacts import FAMILY
    from loadtests.slo.tuning.settings import SETTINGS, read_settings

    facts = export_family(setup, report)
    manifest = open_artifact(setup.artifacts / FAMILY, verify=False).manifest
    variants = [variant.id for variant in manifest.variants]
    return facts, read_settings(settings or SETTINGS, rivals, variants)
