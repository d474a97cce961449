"""Table 4: throughput over the full model by variant, ours live beside the paper's constants."""

from __future__ import annotations

from deploy.grafana.panels import Ask, bars, graph
from deploy.grafana.sheet import Rows

_TASKS = {"vqa": "Questions (VQAv2)", "reason": "Statements (NLVR2)", "caption": "Captions (COCO)"}
_RATIO = "otmv:throughput_over_full:ratio"
_OURS = (
    "Pictures per second of engine time over the same of full, in the last five minutes: whatever "
    "model and machine is served."
)
_PAPERS = "The paper's: BEiT-3-Large on an A100, OTMV supplement, Table 4."


def rows() -> Rows:
    """Return the dashboard's rows: title and panels."""
    return tuple((title, _task(task)) for task, title in _TASKS.items())


def _task(task: str) -> tuple[object, ...]:
    ours = f'{_RATIO}{{source="live",job="$job",task="{task}"}}'
    paper = f'{_RATIO}{{source="paper",task="{task}"}}'
    best = f'{_RATIO}{{source="paper",task="{task}",variant="otmv"}}'
    throughput = f'otmv:throughput:rate5m{{job="$job",task="{task}"}}'
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
            Ask(ours, "{{variant}}"),
            Ask(best, "OTMV in the paper", dashed=True),
            span=10,
            height=11,
        ),
        graph(
            "Pictures per second of engine time",
            "Before it is divided by that of full.",
            "none",
            Ask(throughput, "{{variant}}"),
            span=24,
        ),
    )
