"""Table 4: throughput over the full model by variant, ours live beside the paper's constants."""

from __future__ import annotations

from deploy.grafana.panels import PanelQuery, bars, graph
from deploy.grafana.sheet import Rows
from monitoring.table4 import RATIO, THROUGHPUT
from monitoring.tasks import TITLES
from monitoring.tasks.titles import TaskTitles

_OURS = (
    "Pictures per second of engine time over the same of full, in the last five minutes: whatever "
    "model and machine is served."
)
_PAPERS = "The paper's: BEiT-3-Large on an A100, OTMV supplement, Table 4."


def rows() -> Rows:
    """Return the dashboard's rows: title and panels."""
    return tuple((_headline(titles), _task(task)) for task, titles in TITLES.items())


def _headline(titles: TaskTitles) -> str:
    return titles.long[:1].upper() + titles.long[1:]


def _task(task: str) -> tuple[object, ...]:
    ours = f'{RATIO}{{source="live",job="$job",task="{task}"}}'
    paper = f'{RATIO}{{source="paper",task="{task}"}}'
    best = f'{RATIO}{{source="paper",task="{task}",variant="otmv"}}'
    throughput = f'{THROUGHPUT}{{job="$job",task="{task}"}}'
    return (
        bars(
            "Throughput over full",
            f"{_OURS} {_PAPERS}",
            {
                "paper": f"max by (variant) ({paper})",
                "ours, live": f"max by (variant) ({ours})",
            },
            span=14,
            height=11,
        ),
        graph(
            "Ours over time",
            _OURS,
            "none",
            PanelQuery(ours, "{{variant}}"),
            PanelQuery(best, "OTMV in the paper", dashed=True),
            span=10,
            height=11,
        ),
        graph(
            "Pictures per second of engine time",
            "Before it is divided by that of full.",
            "none",
            PanelQuery(throughput, "{{variant}}"),
            span=24,
        ),
    )
