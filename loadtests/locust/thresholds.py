"""Thresholds: what a run must reach, as bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtests.kit.bars import Bar
from loadtests.kit.latencies import percentile_ms
from loadtests.locust.budgets import CLASSES
from loadtests.locust.errors import OptionError
from loadtests.locust.marks import RequestMark, answered_s, attainment, error_share

Kind = Literal["attainment", "p99-ms", "error-share"]
OPTIONS: dict[Kind, str] = {
    "attainment": "--min-attainment",
    "p99-ms": "--max-p99-ms",
    "error-share": "--max-error-share",
}


@dataclass(frozen=True)
class Threshold:
    """A limit; `scope` is a budget class, a stretch, or "" for all requests.

    Attainment without a class counts only requests that may degrade.
    """

    kind: Kind
    scope: str
    limit: float

    def bar(self, marks: Sequence[RequestMark]) -> Bar:
        """Hold it against what was measured; not run if nothing was."""
        chosen = [mark for mark in marks if self._covers(mark)]
        measured = _MEASURES[self.kind](chosen)
        spread = f"{len(chosen)} requests" if measured is not None else "there were none"
        name = f"locust.{self.kind}" + (f".{self.scope}" if self.scope else "")
        return Bar(name, measured, self.limit, self.kind == "attainment", spread)

    def _covers(self, mark: RequestMark) -> bool:
        if self.scope in CLASSES:
            return mark.arrival.budget == self.scope
        if self.scope and mark.arrival.stretch != self.scope:
            return False
        return mark.may_degrade or self.kind != "attainment"


_MEASURES = {
    "attainment": attainment,
    "p99-ms": lambda marks: percentile_ms(answered_s(marks), 99),
    "error-share": error_share,
}


def read_threshold(kind: Kind, text: str) -> Threshold:
    """Read `0.99`, or `hurried=0.95`: the scope before the limit.

    Raises:
        OptionError: the limit is no number, or out of range.
    """
    scope, _, number = text.rpartition("=")
    try:
        limit = float(number)
    except ValueError:
        limit = -1.0
    if not 0 <= limit <= (float("inf") if kind == "p99-ms" else 1.0):
        raise OptionError(
            f"{OPTIONS[kind]} {text}: write a limit, or CLASS=LIMIT, or STRETCH=LIMIT"
        )
    return Threshold(kind, scope.strip(), limit)


def with_default(thresholds: Sequence[Threshold]) -> list[Threshold]:
    """Add that no request may fail, unless something is said about errors."""
    silent = not any(each.kind == "error-share" for each in thresholds)
    return [*thresholds, *([Threshold("error-share", "", 0.0)] if silent else [])]


def check_scopes(thresholds: Sequence[Threshold], stretches: Sequence[str]) -> None:
    """Refuse a scope that nothing can fall into.

    Raises:
        OptionError: it is neither a budget class nor one of the stretches.
    """
    for each in thresholds:
        if each.scope and each.scope not in (*CLASSES, *stretches):
            known = ", ".join((*CLASSES, *stretches))
            raise OptionError(f"{OPTIONS[each.kind]}: {each.scope!r} is none of {known}")
