"""What was measured of a method, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from artifact.task import TaskName
from loadtests.kit.quartiles import quartiles
from models.comparators.methods import FULL
from monitoring.table4 import paper_speed


@dataclass(frozen=True)
class MethodSpeed:
    """A method's passes on one task, in seconds, one per round; `flops` are of one request."""

    task: TaskName
    method: str
    flops: int
    times_s: Sequence[float]


@dataclass(frozen=True)
class Speed:
    """A method beside full fine-tuning, measured in the same rounds.

    `ratio`: quartiles over rounds of full's time / the method's. `ideal`: full's FLOPs / the
    method's. `paper`: the paper's ratio, None where its table has none.
    """

    task: TaskName
    method: str
    ratio: tuple[float, float, float]
    ideal: float
    rounds: int
    paper: float | None

    @property
    def share(self) -> float:
        """The share of its ideal that a method reaches, by its median ratio."""
        return self.ratio[1] / self.ideal


def speeds(rows: Sequence[MethodSpeed]) -> list[Speed]:
    """Return the speed of every row, over `full` of the same task."""
    fulls = {row.task: row for row in rows if row.method == FULL}
    return [_speed(row, fulls[row.task]) for row in rows]


def _speed(row: MethodSpeed, full: MethodSpeed) -> Speed:
    ratios = [a / b for a, b in zip(full.times_s, row.times_s, strict=True)]
    paper = paper_speed(row.method, row.task)
    ideal = full.flops / row.flops
    return Speed(row.task, row.method, quartiles(ratios), ideal, len(ratios), paper)


def of_task(found: Sequence[Speed], task: TaskName) -> list[Speed]:
    """Return a task's speeds, in their order."""
    return [speed for speed in found if speed.task == task]


CLEAR = 1.10
"""Two methods' ideals must differ by this factor to say which is faster."""


def inverted(found: Sequence[Speed]) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs of one task's methods that came in the wrong order, and how many could.

    A pair is (should be slower, should be faster): their ideals differ by `CLEAR` or more.
    """
    clear = [(a, b) for a in found for b in found if b.ideal >= CLEAR * a.ideal]
    wrong = [(a.method, b.method) for a, b in clear if b.ratio[1] <= a.ratio[1]]
    return wrong, len(clear)
