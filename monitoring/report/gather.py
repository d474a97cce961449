"""Ask Prometheus for everything the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitoring import promql, table4
from monitoring.prometheus import (
    MetricSeries,
    Points,
    Prometheus,
    PrometheusError,
    Sample,
    TimeSpan,
)
from monitoring.promql import Scope
from monitoring.report.contents import PLOTS, TILES, Plot, PlotQuery, Tile


@dataclass(frozen=True)
class Curve:
    """One named line or area; `tint` is empty where the palette decides."""

    name: str
    points: Points
    tint: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Figure:
    """A plot with what was found for it, and the queries that found it."""

    plot: Plot
    curves: tuple[Curve, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class Table4:
    """Throughput over `full` by (task, variant): ours over the whole span, and the paper's."""

    ours: dict[tuple[str, str], float] = field(default_factory=dict)
    paper: dict[tuple[str, str], float] = field(default_factory=dict)
    queries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    url: str
    span: TimeSpan
    window: str
    where: str
    tiles: tuple[tuple[Tile, float | None], ...]
    figures: tuple[Figure, ...]
    table4: Table4


def gather(prometheus: Prometheus, span: TimeSpan, window: str, where: str = "") -> Findings:
    """Ask for every plot, number and column.

    Args:
        prometheus: what is asked.
        span: the time that is shown; plots have a point per step.
        window: range of the plots' rates, at least two scrapes long.
        where: label matchers, such as `job="otmv"`.

    Raises:
        PrometheusError: it cannot be asked, or has nothing of a server in this span.
    """
    scope, whole = Scope(window, where), Scope(f"{round(span.seconds)}s", where)
    shallow_first = _by_quality(prometheus, scope, span)
    figures = tuple(_figure(prometheus, plot, scope, span, shallow_first) for plot in PLOTS)
    if not any(figure.curves for figure in figures):
        raise PrometheusError(
            f"{prometheus.url} has seen no otmv server in this time "
            "(scrape its /metrics, or widen --last)"
        )
    tiles = tuple((tile, _number(prometheus, tile, whole, span)) for tile in TILES)
    ratios = _table4(prometheus, whole, span)
    return Findings(prometheus.url, span, window, where, tiles, figures, ratios)


def _figure(
    prometheus: Prometheus, plot: Plot, scope: Scope, span: TimeSpan, variants: Sequence[str]
) -> Figure:
    queries = tuple(ask.query(scope) for ask in plot.asks)
    found: list[Curve] = []
    for ask, query in zip(plot.asks, queries, strict=True):
        lines = prometheus.range(query, span)
        if plot.kind != "lines":  # an area that is 0 all the time is none
            lines = [line for line in lines if any(value for _, value in line.points)]
        found += _named(ask, lines, variants if plot.depths else list(ask.names or ()))
    measured = any(curve.points and not curve.dashed for curve in found)
    return Figure(plot, tuple(found) if measured else (), queries)


def _named(ask: PlotQuery, lines: Sequence[MetricSeries], order: Sequence[str]) -> list[Curve]:
    if not ask.by:
        return [Curve(ask.name, line.points, ask.tint, ask.dashed) for line in lines[:1]]
    names, tints = ask.names or {}, ask.tints or {}
    by_label = {line.labels.get(ask.by, ""): line.points for line in lines}
    ranked = sorted(by_label, key=lambda v: (order.index(v) if v in order else len(order), v))
    return [Curve(names.get(v, v), by_label[v], tints.get(v, "")) for v in ranked]


def _by_quality(prometheus: Prometheus, scope: Scope, span: TimeSpan) -> list[str]:
    """Return the variants whose quality is known, the lowest first."""
    found = prometheus.values(promql.mean_quality(scope), span.end_s)
    return [each.labels["variant"] for each in sorted(found, key=lambda each: each.value)]


def _number(prometheus: Prometheus, tile: Tile, whole: Scope, span: TimeSpan) -> float | None:
    found = prometheus.values(tile.query(whole), span.end_s)
    return found[0].value if found else None


def _table4(prometheus: Prometheus, whole: Scope, span: TimeSpan) -> Table4:
    queries = table4.throughput_over_full(whole), table4.PAPER_RATIO
    ours, paper = (_by_method(prometheus.values(query, span.end_s)) for query in queries)
    return Table4(ours, paper, queries)


def _by_method(found: Sequence[Sample]) -> dict[tuple[str, str], float]:
    return {(each.labels["task"], each.labels["variant"]): each.value for each in found}
