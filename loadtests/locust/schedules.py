"""A schedule: what is to be sent when, drawn from a seed or read from a trace. Seeded."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.asking.tasks import ASKED
from loadtests.locust.budgets import CLASSES
from loadtests.locust.errors import OptionError

REPLAY = "replay"
_HEADER = ["offset_s", "task", "class"]
_FORMAT = "offset_s,task,class on each line; task and class may be empty"


@dataclass(frozen=True)
class Arrival:
    """One request: its intended send in seconds from the start, task, budget class and stretch."""

    at_s: float
    task: str
    budget: str
    stretch: str


@dataclass(frozen=True)
class Mix:
    """Weights of tasks and of budget classes, drawn independently."""

    tasks: Mapping[str, float]
    classes: Mapping[str, float]

    def task(self, rng: random.Random) -> str:
        """Draw a task."""
        return _draw(self.tasks, rng)

    def budget(self, rng: random.Random) -> str:
        """Draw a budget class."""
        return _draw(self.classes, rng)


@dataclass(frozen=True)
class TraceLine:
    """One line of a trace; None where the mix decides."""

    at_s: float
    task: str | None
    budget: str | None


def schedule(times: Sequence[tuple[float, str]], mix: Mix, seed: int) -> list[Arrival]:
    """Return arrivals at (seconds, stretch) with tasks and classes from a mix."""
    rng = random.Random(seed)
    return [Arrival(at_s, mix.task(rng), mix.budget(rng), stretch) for at_s, stretch in times]


def replay(lines: Sequence[TraceLine], mix: Mix, seed: int) -> list[Arrival]:
    """Return the arrivals of a trace, in order, the first at 0; the mix fills its gaps."""
    rng = random.Random(seed)
    ordered = sorted(lines, key=lambda line: line.at_s)
    first_s = ordered[0].at_s
    return [
        Arrival(
            line.at_s - first_s,
            line.task or mix.task(rng),
            line.budget or mix.budget(rng),
            REPLAY,
        )
        for line in ordered
    ]


def read_trace(path: Path) -> list[TraceLine]:
    """Read a trace: CSV of `offset_s,task,class`, a header if you like, `#` starts a comment.

    Task and class may be empty or left out. Offsets are seconds from any moment, in any order.

    Raises:
        OptionError: the file cannot be read, holds anything else, or no line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--trace {path}: {error}") from error
    rows = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    cells = [[cell.strip() for cell in row] for row in csv.reader(rows)]
    found = [_line(path, row) for row in cells if row != _HEADER[: len(row)]]
    if not found:
        raise OptionError(f"--trace {path}: no arrivals; {_FORMAT}")
    return found


def _line(path: Path, row: Sequence[str]) -> TraceLine:
    at, task, budget = [*row, "", ""][:3]
    try:
        at_s = float(at)
    except ValueError:
        at_s = math.nan
    known = task in ("", *ASKED) and budget in ("", *CLASSES)
    if not math.isfinite(at_s) or not known or len(row) > len(_HEADER):
        raise OptionError(f"--trace {path}: {','.join(row)!r} is no arrival; {_FORMAT}")
    return TraceLine(at_s, task or None, budget or None)


def _draw(weights: Mapping[str, float], rng: random.Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
