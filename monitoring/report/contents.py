"""What the report shows: each plot, what is asked for it, and how its series are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from monitoring import promql
from monitoring.promql import Scope
from monitoring.tasks import TITLES

Kind = Literal["lines", "areas", "shares"]
"""Lines; areas stacked on each other; the same as shares of their sum."""

Unit = Literal["per second", "seconds", "share", "quality", "rows"]
Query = Callable[[Scope], str]


@dataclass(frozen=True)
class PlotQuery:
    """One query of a plot.

    A series is named by the value of its label `by`, looked up in `names`, or by `name` where the
    query has one series. `tint` names a colour of page.css; those without get one by their place.
    `dashed` lines are limits rather than measurements.
    """

    query: Query
    name: str = ""
    by: str = ""
    names: Mapping[str, str] | None = None
    tints: Mapping[str, str] | None = None
    tint: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    """One figure of the report. `depths`: its series are variants, coloured by depth."""

    title: str
    note: str
    kind: Kind
    unit: Unit
    asks: tuple[PlotQuery, ...]
    depths: bool = False


OUTCOMES = {
    "ok": "on time",
    "late": "late",
    "shed": "refused",
    "expired": "expired",
    "error": "failed",
    "cancelled": "client left",
    "invalid": "invalid",
}
"""How a request ended, in the order they are stacked; refusals are counted as `shed`."""

_TASKS = {task: titles.plural for task, titles in TITLES.items()}


def _objective(scope: Scope) -> str:
    return promql.OBJECTIVE


PLOTS = (
    Plot(
        "Traffic",
        "requests per second, by how they ended",
        "areas",
        "per second",
        (
            PlotQuery(
                promql.ended, by="outcome", names=OUTCOMES, tints={name: name for name in OUTCOMES}
            ),
            PlotQuery(promql.shed_in_all, "refused", tint="shed"),
        ),
    ),
    Plot(
        "Latency",
        "arrival to answer, of answered requests",
        "lines",
        "seconds",
        (
            PlotQuery(partial(promql.latency, share=0.99), "99 %", tint="high"),
            PlotQuery(partial(promql.latency, share=0.9), "90 %", tint="middle"),
            PlotQuery(partial(promql.latency, share=0.5), "half", tint="low"),
        ),
    ),
    Plot(
        "Attainment",
        "share of offered requests answered by their deadline",
        "lines",
        "share",
        (
            PlotQuery(promql.attainment, "attainment", tint="accent"),
            PlotQuery(_objective, "objective", tint="limit", dashed=True),
        ),
    ),
    Plot(
        "Variants",
        "share of answers, shallow at the bottom",
        "shares",
        "share",
        (PlotQuery(promql.answers_by_variant, by="variant"),),
        depths=True,
    ),
    Plot(
        "Quality",
        "mean quality of answers by task; effective accuracy counts misses as 0",
        "lines",
        "quality",
        (
            PlotQuery(promql.quality_served, by="task", names=_TASKS),
            PlotQuery(promql.effective_accuracy, "effective accuracy", tint="ink"),
        ),
    ),
    Plot(
        "Batching",
        "rows per step",
        "lines",
        "rows",
        (
            PlotQuery(partial(promql.mean, histogram="otmv_step_rows"), "mean", tint="accent"),
            PlotQuery(
                partial(promql.quantile, histogram="otmv_step_rows", share=0.9),
                "90 %",
                tint="low",
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Tile:
    """One number over the whole span."""

    name: str
    unit: Unit
    query: Query


TILES = (
    Tile("offered", "per second", promql.offered),
    Tile("answered by the deadline", "share", promql.attainment),
    Tile("effective accuracy", "quality", promql.effective_accuracy),
    Tile("half answered within", "seconds", partial(promql.latency, share=0.5)),
    Tile("99 % answered within", "seconds", partial(promql.latency, share=0.99)),
)
