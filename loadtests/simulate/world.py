"""What is simulated: a family of depths with qualities, and what its stages cost."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.stage import StageName, stage_name
from artifact.task import VQA
from engine.elastic.course import Course, Line, Route, Stop
from loadtests.simulate.disturbance import QUIET, Disturbance

STEM, HEAD = VQA.passes[0].stem, VQA.head


@dataclass(frozen=True)
class SimulatedDevice:
    """One device and one ladder: `depths` executed orders with `quality` points each.

    `block`, `stem`, `head`: mean seconds (fixed, per row) of one call. `keys` divide the orders
    evenly. `disturbance`: what makes calls take longer than their means.
    """

    depths: tuple[int, ...] = (6, 9, 12, 15, 18, 21, 24)
    quality: tuple[float, ...] = (70.0, 76.0, 79.5, 81.3, 82.0, 82.3, 82.5)
    block: Line = (0.15e-3, 0.07e-3)
    stem: Line = (0.3e-3, 0.05e-3)
    head: Line = (0.0, 0.0)
    keys: int = 1
    max_batch: int = 16
    disturbance: Disturbance = QUIET

    def line(self, stage: str, bucket: int) -> Line:
        """Return a stage's mean seconds (fixed, per row)."""
        name = stage_name(stage)
        if name.is_stem:
            return self.stem
        return self.head if name.is_head else self.block

    def service_s(self, depth: int, batch: int) -> float:
        """Return mean seconds of a whole gang: stem, `depth` blocks and head in one batch."""
        fixed = self.stem[0] + depth * self.block[0] + self.head[0]
        return fixed + batch * (self.stem[1] + depth * self.block[1] + self.head[1])

    def calls_s(self, depth: int, batch: int) -> list[float]:
        """Return mean seconds of each call of a whole gang."""
        heads = [] if self.head == (0.0, 0.0) else [self.head]
        lines = [self.stem, *[self.block] * depth, *heads]
        return [fixed_s + row_s * batch for fixed_s, row_s in lines]

    def route(self) -> Route:
        """Return the ladder as the scheduler sees it."""
        orders = self.depths[-1]
        blocks = tuple((StageName.block(k * self.keys // orders), 0) for k in range(orders))
        ladder = zip(self.depths, self.quality, strict=True)
        stops = tuple(Stop(depth + 1, f"d{depth}", points) for depth, points in ladder)
        calls, orders_run = ((STEM, 0), *blocks), (None, *range(orders))
        head = None if self.head == (0.0, 0.0) else (HEAD, 0)
        return Route(Course(calls, orders_run, stops, head), self.line)


@dataclass(frozen=True)
class SimulatedOutcome:
    """What became of the offered requests.

    `attainment`: share answered by their deadline. `effective`: Σ their quality / offered.
    `coverage`: share of settled requests that ended before their predicted p90; None: not scored.
    """

    policy: str
    offered: int
    attainment: float
    effective: float
    coverage: float | None = None

    @property
    def mean_quality(self) -> float:
        """Mean points over on-time answers; 0 if there is none."""
        return self.effective / self.attainment if self.attainment else 0.0
