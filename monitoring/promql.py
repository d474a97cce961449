"""What is asked of Prometheus, by the report and by the dashboards.

The recording rules in deploy/prometheus/rules say the same in writing; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

ANSWERED = 'outcome=~"ok|late"'
ON_TIME = 'outcome="ok"'
OBJECTIVE = "otmv:attainment:objective"
"""The attainment that was promised, as the recording rules hold it."""


@dataclass(frozen=True)
class Scope:
    """Which series are read, over how long, and what is kept apart.

    `window` is the range of every rate, such as `5m`; `where` are label matchers; `by` are labels
    that every sum keeps.
    """

    window: str
    where: str = ""
    by: tuple[str, ...] = ()

    def pick(self, metric: str, *matchers: str) -> str:
        """Return a selector."""
        name, _, inner = metric.rstrip("}").partition("{")
        joined = ",".join(part for part in (inner, *matchers, self.where) if part)
        return f"{name}{{{joined}}}" if joined else name

    def rate(self, metric: str, *matchers: str) -> str:
        """Return the growth per second of every series."""
        return f"rate({self.pick(metric, *matchers)}[{self.window}])"

    def sum(self, expression: str, *by: str) -> str:
        """Return a sum that keeps `by` besides the scope's own labels."""
        kept = ", ".join((*self.by, *by))
        return f"sum by ({kept}) ({expression})" if kept else f"sum({expression})"

    def grown(self, metric: str, *by: str, matching: str = "") -> str:
        """Return the summed growth per second."""
        return self.sum(self.rate(metric, matching), *by)


def offered(scope: Scope) -> str:
    """Requests per second that were offered: all that was sent but for the request's own fault.

    Every refusal is in `otmv_shed_total`, also one before the engine, so the engine's own count of
    them is left out.
    """
    counted = '{__name__=~"otmv_(requests|shed)_total"}', 'outcome!~"invalid|refused"'
    return scope.sum(scope.rate(*counted))


def on_time(scope: Scope) -> str:
    """Requests per second answered by their deadline: the goodput."""
    return scope.grown("otmv_requests_total", matching=ON_TIME)


def attainment(scope: Scope) -> str:
    """Share of offered requests answered by their deadline."""
    return f"{on_time(scope)} / {offered(scope)}"


def task_attainment(scope: Scope) -> str:
    """Attainment by task, of requests that reached the engine."""
    good = scope.grown("otmv_requests_total", "task", matching=ON_TIME)
    return f"{good} / {scope.grown('otmv_requests_total', 'task', matching=_FAIR)}"


def effective_accuracy(scope: Scope) -> str:
    """Sum of the quality of on-time answers over offered requests; unknown quality counts 0."""
    return f"{scope.sum(_weighed(scope, ON_TIME))} / {offered(scope)}"


def quality_served(scope: Scope) -> str:
    """Mean quality of answers by task, where the quality is known."""
    known = f"{scope.rate('otmv_requests_total', ANSWERED)} and {_OF_VARIANT} {_quality(scope)}"
    return f"{scope.sum(_weighed(scope, ANSWERED), 'task')} / {scope.sum(known, 'task')}"


def best_quality(scope: Scope) -> str:
    """Quality of the best variant by task."""
    kept = ", ".join((*scope.by, "task"))
    return f"max by ({kept}) ({_quality(scope)})"


def mean_quality(scope: Scope) -> str:
    """Quality by variant, averaged over tasks."""
    return f"avg by (variant) ({_quality(scope)})"


def ended(scope: Scope) -> str:
    """Requests per second by outcome, refused ones left out."""
    return scope.grown("otmv_requests_total", "outcome", matching='outcome!="refused"')


def shed(scope: Scope) -> str:
    """Refusals per second by reason."""
    return scope.grown("otmv_shed_total", "reason")


def shed_in_all(scope: Scope) -> str:
    """Refusals per second."""
    return scope.grown("otmv_shed_total")


def latency(scope: Scope, share: float, *by: str) -> str:
    """A quantile of the seconds from arrival to answer."""
    return quantile(scope, "otmv_request_seconds", share, *by)


def quantile(scope: Scope, histogram: str, share: float, *by: str) -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({share:g}, {scope.grown(f'{histogram}_bucket', *by, 'le')})"


def mean(scope: Scope, histogram: str, *by: str) -> str:
    """The mean of a histogram's observations."""
    return f"{scope.grown(f'{histogram}_sum', *by)} / {scope.grown(f'{histogram}_count', *by)}"


def answers_by_variant(scope: Scope) -> str:
    """Answers per second by variant."""
    return scope.grown("otmv_requests_total", "variant", matching=ANSWERED)


def slo_burn(scope: Scope) -> str:
    """How many times faster than the objective allows requests are missed."""
    return f"(1 - {attainment(scope)}) / scalar(1 - {OBJECTIVE})"


def audited_agreement(scope: Scope) -> str:
    """Share of audited answers that are the deepest variant's, by task and variant."""
    agree = scope.grown("otmv_audited_answers_total", *_MADE_BY, matching='agrees="true"')
    return f"{agree} / ({scope.grown('otmv_audited_answers_total', *_MADE_BY)} > 0)"


def expected_agreement(scope: Scope) -> str:
    """The same share as the exporter measured it."""
    kept = ", ".join((*scope.by, *_MADE_BY))
    return f"max by ({kept}) ({scope.pick('otmv_variant_agreement')})"


_MADE_BY = ("task", "variant")
_FAIR = 'outcome!="invalid"'
_OF_VARIANT = "on (job, instance, task, variant)"


def _quality(scope: Scope) -> str:
    return f"({scope.pick('otmv_variant_quality')} >= 0)"


def _weighed(scope: Scope, matching: str) -> str:
    """Return answers per second times the quality of their variant; >= drops an unknown one."""
    answers = scope.rate("otmv_requests_total", matching)
    return f"{answers} * {_OF_VARIANT} group_left () {_quality(scope)}"
