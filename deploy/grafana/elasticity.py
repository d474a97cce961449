"""Elasticity: which variants answer, how good they are, and what memory they take."""

from __future__ import annotations

from grafana_foundation_sdk.models.common import StackingMode

from deploy.grafana.panels import SCOPE, PanelQuery, bars, graph
from deploy.grafana.sheet import Rows
from monitoring import promql
from monitoring.tasks import TITLES


def rows() -> Rows:
    """Return the dashboard's rows: title and panels."""
    return (
        ("Variants", _variants()),
        ("Load", _load()),
        ("Steps", _steps()),
        ("Memory", _memory()),
    )


def _variants() -> tuple[object, ...]:
    return (
        graph(
            "Variants",
            "Share of answers by variant.",
            "percentunit",
            PanelQuery(promql.answers_by_variant(SCOPE), "{{variant}}"),
            stacked=StackingMode.PERCENT,
        ),
        graph(
            "Quality served",
            "Mean quality of answers by task, beside the best variant's.",
            "none",
            PanelQuery(promql.quality_served(SCOPE), "{{task}}"),
            PanelQuery(promql.best_quality(SCOPE), "best for {{task}}", dashed=True),
            top=1,
        ),
        graph(
            "Degraded and refused",
            "Answered by a lower variant because of latency; refused at admission.",
            "reqps",
            PanelQuery(SCOPE.grown("otmv_degraded_total", "task"), "degraded: {{task}}"),
            PanelQuery(promql.shed_in_all(SCOPE), "refused"),
        ),
        graph(
            "Effective accuracy",
            "Quality of on-time answers over offered requests; a miss counts 0.",
            "none",
            PanelQuery(promql.effective_accuracy(SCOPE), "effective accuracy"),
            PanelQuery(promql.attainment(SCOPE), "attainment"),
            top=1,
        ),
        graph(
            "Agreement with the deepest variant",
            "Share of audited answers (OTMV_AUDIT_SHARE) that it gives too, beside that at export.",
            "percentunit",
            PanelQuery(promql.audited_agreement(SCOPE), "{{task}} {{variant}}"),
            PanelQuery(
                promql.expected_agreement(SCOPE), "{{task}} {{variant}} at export", dashed=True
            ),
            span=24,
            top=1,
        ),
    )


def _load() -> tuple[object, ...]:
    return (
        graph(
            "Requests",
            "Admitted requests, by whether they have begun.",
            "none",
            PanelQuery(f"sum({SCOPE.pick('otmv_running_requests')})", "running"),
            PanelQuery(f"sum({SCOPE.pick('otmv_queue_depth')})", "waiting"),
            stacked=StackingMode.NORMAL,
            span=8,
        ),
        graph(
            "Places taken",
            "Share of the places, or of the captions' slots if that is more.",
            "percentunit",
            PanelQuery(SCOPE.pick("otmv_utilization_ratio"), "{{instance}}"),
            span=8,
            top=1,
        ),
        graph(
            "Price of time",
            "Points of quality that a second of further work would cost the open requests.",
            "none",
            PanelQuery(SCOPE.pick("otmv_marginal_points_per_second"), "{{instance}}"),
            span=8,
        ),
    )


def _steps() -> tuple[object, ...]:
    blocks = SCOPE.grown("otmv_executed_blocks_total")
    slack = "otmv_slack_at_start_seconds"
    return (
        graph(
            "Rows per step",
            "How many rows share a step.",
            "none",
            PanelQuery(promql.mean(SCOPE, "otmv_step_rows"), "mean"),
            PanelQuery(promql.quantile(SCOPE, "otmv_step_rows", 0.9), "90 %"),
            span=8,
        ),
        graph(
            "Blocks per answer",
            "Blocks executed over pictures answered.",
            "none",
            PanelQuery(f"{blocks} / ({SCOPE.grown('otmv_images_total')} > 0)", "blocks"),
            span=8,
        ),
        graph(
            "Slack at the first step",
            "Deadline less now less the predicted time to a first answer.",
            "s",
            PanelQuery(promql.quantile(SCOPE, slack, 0.5), "half"),
            PanelQuery(promql.quantile(SCOPE, slack, 0.1), "10 %"),
            span=8,
        ),
    )


def _memory() -> tuple[object, ...]:
    resident = SCOPE.pick("otmv_resident_bytes", 'kind!="keys"')
    keys = SCOPE.pick("otmv_key_block_bytes")
    return (
        graph(
            "Memory by key block",
            "Loaded stages and open requests; the budget bounds all but the requests.",
            "bytes",
            PanelQuery(f"sum by (kind) ({resident})", "{{kind}}"),
            PanelQuery(f"sum by (key) ({keys})", "key block {{key}}"),
            PanelQuery(
                f"sum({SCOPE.pick('otmv_memory_budget_bytes')} < Inf)", "budget", dashed=True
            ),
            stacked=StackingMode.NORMAL,
        ),
        bars(
            "Quality of the variants",
            "By task, 0 to 1; empty where it was never measured.",
            {task: f"max by (variant) ({_quality(task)} >= 0)" for task in TITLES},
        ),
    )


def _quality(task: str) -> str:
    return SCOPE.pick("otmv_variant_quality", f'task="{task}"')
