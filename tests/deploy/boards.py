"""The committed dashboards, and their queries as Grafana would send them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
NAMES = ("service", "elasticity", "table4")


@dataclass(frozen=True)
class Query:
    """One target of one panel; `instant` ones are asked at one moment."""

    board: str
    panel: str
    expr: str
    instant: bool

    def filled(self, window: str, job: str = "otmv") -> str:
        """Return the query with Grafana's variables filled in."""
        values = {"$__rate_interval": window, "$job": job, "$instance": ".*"}
        text = self.expr
        for name, value in values.items():
            text = text.replace(name, value)
        assert "$" not in text, text
        return text


def board(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text("utf-8"))
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """Return the panels of a dashboard, rows left out."""
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    for name in NAMES:
        for panel in panels(name):
            for target in panel["targets"]:
                instant = bool(target.get("instant"))
                yield Query(name, panel["title"], target["expr"], instant)
