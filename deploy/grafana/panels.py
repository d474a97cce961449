"""Panels as our dashboards have them: one look, one data source, one way to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.promql import Scope

WHERE = 'job="$job",instance=~"$instance"'
JOB = '{job="$job"}'
SCOPE = Scope("$__rate_interval", WHERE)
SOURCE = kinds.DataSourceRef(type_val="prometheus", uid="$datasource")

OUTCOMES = {
    "ok": "blue",
    "late": "yellow",
    "refused": "orange",
    "expired": "red",
    "error": "purple",
    "cancelled": "#8e8e8e",
    "invalid": "#c7c7c7",
}


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel: PromQL, how its series are called, a dashed line for a limit."""

    expr: str
    legend: str
    dashed: bool = False


def graph(
    title: str,
    note: str,
    unit: str,
    *asks: PanelQuery,
    span: int = 12,
    height: int = 8,
    top: float | None = None,
    stacked: kinds.StackingMode = kinds.StackingMode.NONE,
    colours: Mapping[str, str] | None = None,
) -> timeseries.Panel:
    """Return lines over time, or areas stacked as they are or as shares."""
    filled = stacked is not kinds.StackingMode.NONE
    panel = (
        timeseries.Panel()
        .title(title)
        .description(note)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(height)
        .line_width(1 if filled else 2)
        .fill_opacity(70 if filled else 0)
        .show_points(kinds.VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(stacked).group("A"))
        .legend(_legend())
        .tooltip(
            common.VizTooltipOptions()
            .mode(kinds.TooltipDisplayMode.MULTI)
            .sort(kinds.SortOrder.DESCENDING)
        )
    )
    if top is not None:
        panel.max(top)
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, _coloured(colour))
    return _asking(panel, asks)


def _asking(panel: timeseries.Panel, asks: Sequence[PanelQuery]) -> timeseries.Panel:
    """Give a panel its queries."""
    for ref, ask in zip("ABCDEFGH", asks, strict=False):
        panel.with_target(_query(ask, ref))
        if ask.dashed:
            panel.override_by_query(ref, _dashed())
    return panel


def number(title: str, note: str, unit: str, expr: str, limits: Sequence[float] = ()) -> stat.Panel:
    """Return one number with its course; `limits` are where red ends and green begins."""
    steps = [models.Threshold(value=None, color="blue")]
    if limits:
        steps = [
            models.Threshold(value=None, color="red"),
            *(
                models.Threshold(value=limit, color=colour)
                for limit, colour in zip(limits, ("yellow", "green"), strict=True)
            ),
        ]
    return (
        stat.Panel()
        .title(title)
        .description(note)
        .datasource(SOURCE)
        .unit(unit)
        .span(4)
        .height(4)
        .graph_mode(kinds.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_query(PanelQuery(expr, title), "A"))
    )


def bars(
    title: str, note: str, columns: Mapping[str, str], span: int = 12, height: int = 8
) -> barchart.Panel:
    """Return bars side by side for each variant: one column for each name of `columns`."""
    panel = (
        barchart.Panel()
        .title(title)
        .description(note)
        .datasource(SOURCE)
        .min(0)
        .decimals(2)
        .span(span)
        .height(height)
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .show_value(kinds.VisibilityMode.ALWAYS)
        .x_field("variant")
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI))
    )
    return _columns(panel, columns)


def _columns(panel: barchart.Panel, columns: Mapping[str, str]) -> barchart.Panel:
    """Ask for each column now, and join them by variant."""
    names = {}
    for ref, (name, expr) in zip("ABCDEFGH", columns.items(), strict=False):
        table = _query(PanelQuery(expr, name), ref).instant()
        panel.with_target(table.format(PromQueryFormat.TABLE))
        names[f"Value #{ref}"] = name
    hidden = {label: True for label in ("Time", *(f"Time {n}" for n in range(1, 9)))}
    return panel.with_transformation(
        _transformation("joinByField", {"byField": "variant", "mode": "outer"})
    ).with_transformation(
        _transformation("organize", {"excludeByName": hidden, "renameByName": names})
    )


def _transformation(name: str, options: Mapping[str, Any]) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)


def _query(ask: PanelQuery, ref: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(ask.expr)
        .legend_format(ask.legend)
        .range()
        .ref_id(ref)
    )


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def _dashed() -> list[models.DynamicConfigValue]:
    return [
        models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        models.DynamicConfigValue("custom.lineWidth", 1),
        models.DynamicConfigValue("custom.stacking", {"mode": "none"}),
        models.DynamicConfigValue("custom.fillOpacity", 0),
        *_coloured("text"),
    ]


def _coloured(colour: str) -> list[models.DynamicConfigValue]:
    return [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})]
