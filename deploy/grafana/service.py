"""Service: what is asked, how fast and how often in time it is answered, and what is missed."""

from __future__ import annotations

from grafana_foundation_sdk.models.common import StackingMode

from deploy.grafana.panels import JOB, OUTCOMES, SCOPE, PanelQuery, graph, number
from deploy.grafana.sheet import Rows
from monitoring import promql

_BURNS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_MISSED = SCOPE.grown(
    "otmv_requests_total", "outcome", matching='outcome=~"late|expired|cancelled|error"'
)


def rows() -> Rows:
    """Return the dashboard's rows: title and panels."""
    return (
        ("Now", _now()),
        ("Traffic and latency", _traffic()),
        ("The objective", _objective()),
        ("Prediction", _prediction()),
    )


def _now() -> tuple[object, ...]:
    return (
        number("Offered", "All but invalid requests.", "reqps", promql.offered(SCOPE)),
        number(
            "Attainment",
            "Answered by their deadline, of all that was offered.",
            "percentunit",
            promql.attainment(SCOPE),
            (0.95, 0.99),
        ),
        number(
            "Effective accuracy",
            "Quality of on-time answers over offered requests; a miss counts 0.",
            "none",
            promql.effective_accuracy(SCOPE),
        ),
        number("Latency, 99 %", "Arrival to answer.", "s", promql.latency(SCOPE, 0.99)),
        number("Waiting", "Admitted, not yet running.", "none", f"sum({_gauge('queue_depth')})"),
        number("Ready", "Servers that take requests.", "none", f"sum({_gauge('ready')})"),
    )


def _traffic() -> tuple[object, ...]:
    quantiles = ((0.99, "99 %"), (0.9, "90 %"), (0.5, "half"))
    return (
        graph(
            "Traffic",
            "Requests by how they ended; refused ones count all refusals, also before the engine.",
            "reqps",
            PanelQuery(promql.ended(SCOPE), "{{outcome}}"),
            PanelQuery(promql.shed_in_all(SCOPE), "refused"),
            stacked=StackingMode.NORMAL,
            colours=OUTCOMES,
        ),
        graph(
            "Latency",
            "Arrival to answer, of answered requests.",
            "s",
            *(PanelQuery(promql.latency(SCOPE, share), name) for share, name in quantiles),
        ),
        graph(
            "Latency by variant, 90 %",
            "Arrival to answer, by the variant that answered.",
            "s",
            PanelQuery(promql.latency(SCOPE, 0.9, "variant"), "{{variant}}"),
        ),
        graph(
            "Where time goes",
            "Mean seconds of each phase.",
            "s",
            PanelQuery(promql.mean(SCOPE, "otmv_phase_seconds", "phase"), "{{phase}}"),
            stacked=StackingMode.NORMAL,
        ),
    )


def _objective() -> tuple[object, ...]:
    return (
        graph(
            "Attainment",
            "Of all offered requests; by task, of those that reached the engine.",
            "percentunit",
            PanelQuery(promql.attainment(SCOPE), "all"),
            PanelQuery(promql.task_attainment(SCOPE), "{{task}}"),
            PanelQuery(promql.OBJECTIVE, "objective", dashed=True),
            span=8,
            top=1,
        ),
        graph(
            "Burn",
            "How many times faster than the objective allows requests are missed, by window.",
            "none",
            *(PanelQuery(f"otmv:slo_burn:rate{window}{JOB}", window) for window in _BURNS),
            PanelQuery("vector(14.4)", "page", dashed=True),
            span=8,
        ),
        graph(
            "Misses by reason",
            "Admitted and not answered in time, and refused.",
            "reqps",
            PanelQuery(_MISSED, "{{outcome}}"),
            PanelQuery(promql.shed(SCOPE), "refused: {{reason}}"),
            span=8,
            stacked=StackingMode.NORMAL,
            colours=OUTCOMES,
        ),
    )


def _prediction() -> tuple[object, ...]:
    ratio = "otmv_latency_prediction_ratio"
    return (
        graph(
            "Actual over predicted time",
            "From the moment the variant was settled; an alert waits outside 0.5 to 1.5.",
            "none",
            PanelQuery(promql.quantile(SCOPE, ratio, 0.5), "half"),
            PanelQuery(promql.quantile(SCOPE, ratio, 0.9), "90 %"),
            PanelQuery("vector(1.5)", "too slow", dashed=True),
            PanelQuery("vector(0.5)", "too fast", dashed=True),
        ),
        graph(
            "Captions: first word, 90 %",
            "Arrival to a caption's first word.",
            "s",
            PanelQuery(
                promql.quantile(SCOPE, "otmv_first_token_seconds", 0.9, "variant"), "{{variant}}"
            ),
        ),
    )


def _gauge(name: str) -> str:
    return SCOPE.pick(f"otmv_{name}")
