"""Snapshot, decide and apply over 256 rows: the simulator's own bar, taken here too."""

from __future__ import annotations

from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar; needs no artifact and no backend."""
    from loadtests.simulate.bars import overhead_bar

    report("256 rows", 0.0)
    found = overhead_bar()
    return [Bar(f"engine.{found.name}", found.measured, found.limit, found.at_least, found.spread)]
