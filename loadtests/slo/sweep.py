"""Each rival's own settings, tried on its full variant; the benchmark reads what was best."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.kit.errors import BenchError
from loadtests.slo.workload import FACTORS, Cell

CELL = Cell(1.0, 1.0)

SETTINGS = Path(__file__).with_name("rival_settings.json")
"""Each rival's best settings, of a sweep on two cores; another machine's own sweep may differ."""


@dataclass(frozen=True)
class RivalSettings:
    """A rival's batching, and the age over the full variant's solo time that it drops requests at.

    All three rivals have such a limit; without one, all of them answer everything too late for
    good once they have fallen behind.
    """

    max_batch: int
    wait_ms: int
    timeout_over_solo: int


GRID = tuple(itertools.starmap(RivalSettings, itertools.product((2, 4, 8), (1, 10), FACTORS)))


@dataclass(frozen=True)
class Trial:
    """What a setting reached at `CELL`."""

    settings: RivalSettings
    effective: float
    attainment: float


def best_of(trials: Sequence[Trial]) -> RivalSettings:
    """Return the settings of the best effective accuracy; the first of equals."""
    return max(trials, key=lambda trial: trial.effective).settings


def record(trials: Mapping[str, Sequence[Trial]]) -> dict[str, Any]:
    """Return what the file of the sweep holds of it."""
    return {
        "cell": asdict(CELL),
        "settings": {rival: asdict(best_of(found)) for rival, found in trials.items()},
        "trials": {rival: [asdict(each) for each in found] for rival, found in trials.items()},
    }


def read_settings(path: Path, rivals: Sequence[str]) -> dict[str, RivalSettings]:
    """Read the best settings of these rivals.

    Raises:
        BenchError: the file is not there, or lacks one of them.
    """
    try:
        found = json.loads(path.read_text("utf-8"))["settings"]
        return {rival: RivalSettings(**found[rival]) for rival in rivals}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: no settings of {error}: otmv bench slo --sweep") from error
