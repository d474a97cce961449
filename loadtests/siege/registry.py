"""The sieges by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.siege.setup import SiegeSetup
from loadtests.siege.sieges import bombs, connects, drain, health, late, memory, soak

Siege = Callable[[SiegeSetup, Report], list[Bar]]

SIEGES: Mapping[str, Siege] = {
    "drain": drain.run,
    "connects": connects.run,
    "health": health.run,
    "memory": memory.run,
    "bombs": bombs.run,
    "late": late.run,
    "soak": soak.run,
}
"""In the order in which they are run."""
