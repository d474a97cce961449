"""What all dashboards share: variables, links, and rows of panels with numbers of their own."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.panels import SOURCE

Rows = tuple[tuple[str, tuple[Any, ...]], ...]
"""Title and panel builders of each row."""

_TAG = "otmv-serve"


def sheet(uid: str, title: str, note: str, rows: Rows) -> models.Dashboard:
    """Return a dashboard."""
    builder = (
        dashboard.Dashboard(f"otmv-serve: {title}")
        .uid(f"otmv-{uid}")
        .description(note)
        .tags([_TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(_source())
        .with_variable(_values("job", "Service", "label_values(otmv_ready, job)"))
        .with_variable(
            _values("instance", "Server", 'label_values(otmv_ready{job="$job"}, instance)')
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
        .link(
            dashboard.DashboardLink("otmv-serve")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .keep_time(True)
            .include_vars(True)
        )
    )
    number = 0
    for name, panels in rows:
        number += 1
        builder.with_row(dashboard.Row(name).id(number))
        for panel in panels:
            number += 1
            builder.with_panel(panel.id(number))
    return builder.build()


def text(made: models.Dashboard) -> str:
    """Return a dashboard as JSON, without what the library adds unasked.

    That is an interval's keys in every variable, and a menu that hides the links.
    """
    found = json.loads(JSONEncoder().encode(made))
    for variable in found["templating"]["list"]:
        for key in ("auto", "auto_count", "auto_min"):
            del variable[key]
    for link in found["links"]:
        del link["placement"]
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
