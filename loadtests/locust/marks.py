"""What became of each request, and what that adds up to. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadtests.locust.budgets import CLASSES
from loadtests.locust.schedules import Arrival

LATE_SEND_MS = (1.0, 5.0)
BIN_S = 1.0
LATE, REJECTED = "late", "rejected"


@dataclass(frozen=True)
class Outcome:
    """A reply judged: what answered and its quality, or why there is no answer.

    `miss` is "" for a whole answer, `REJECTED` for a 504 that the request asked for by
    `on_miss=reject`, else what went wrong.
    """

    variant: str | None = None
    quality: float | None = None
    miss: str = ""


@dataclass(frozen=True)
class Mark:
    """One request judged. Latency counts from the intended send, as does the deadline."""

    arrival: Arrival
    late_send_s: float
    latency_s: float
    deadline_s: float | None
    outcome: Outcome

    @property
    def may_degrade(self) -> bool:
        """Whether it had a deadline and took a lower variant to meet it."""
        return CLASSES[self.arrival.budget].may_degrade

    @property
    def miss(self) -> str:
        """Why it was not answered by its deadline, "" if it was."""
        late = self.deadline_s is not None and self.latency_s > self.deadline_s
        return self.outcome.miss or (LATE if late else "")

    @property
    def failed(self) -> bool:
        """Whether neither a whole answer came nor the refusal it asked for."""
        return self.outcome.miss not in ("", REJECTED)


def attainment(marks: Sequence[Mark]) -> float | None:
    """Return the share answered by the deadline asked for; None of nothing."""
    return sum(not mark.miss for mark in marks) / len(marks) if marks else None


def error_share(marks: Sequence[Mark]) -> float | None:
    """Return the share that failed; None of nothing."""
    return sum(mark.failed for mark in marks) / len(marks) if marks else None


def percentile_ms(marks: Sequence[Mark], percent: float) -> float | None:
    """Return a percentile of the answers' latency, late ones included; None without answers."""
    answered = [mark.latency_s * 1e3 for mark in marks if not mark.outcome.miss]
    return float(np.percentile(answered, percent)) if answered else None


def summary(marks: Sequence[Mark], seconds: float) -> dict[str, Any]:
    """Return what a results file holds of a run whose intended sends spanned `seconds`."""
    degradable = [mark for mark in marks if mark.may_degrade]
    return {
        "offered": len(marks),
        "may_degrade": {"offered": len(degradable), "attainment": attainment(degradable)},
        "error_share": error_share(marks),
        "effective_accuracy": _effective(marks),
        "classes": _groups(marks, lambda mark: mark.arrival.budget),
        "stretches": _groups(marks, lambda mark: mark.arrival.stretch),
        "tasks": _groups(marks, lambda mark: mark.arrival.task),
        "variants": dict(sorted(_variants(marks).items())),
        "misses": dict(Counter(mark.miss for mark in marks if mark.miss).most_common()),
        "late_sends": _late_sends(marks),
        "timeline": timeline(marks, seconds),
    }


def timeline(marks: Sequence[Mark], seconds: float) -> list[dict[str, int]]:
    """Count answers on time per variant, and misses per reason, per second of intended sends."""
    bins: list[Counter[str]] = [Counter() for _ in range(max(1, math.ceil(seconds / BIN_S)))]
    for mark in marks:
        place = min(int(mark.arrival.at_s / BIN_S), len(bins) - 1)
        bins[place][mark.miss or str(mark.outcome.variant)] += 1
    return [dict(sorted(each.items())) for each in bins]


def _groups(marks: Sequence[Mark], name: Callable[[Mark], str]) -> dict[str, dict[str, Any]]:
    names = sorted(dict.fromkeys(map(name, marks)), key=_place)
    return {each: _group([mark for mark in marks if name(mark) == each]) for each in names}


def _place(name: str) -> int:
    """Return where a budget class stands; tasks and stretches stay as they came."""
    return list(CLASSES).index(name) if name in CLASSES else 0


def _group(marks: Sequence[Mark]) -> dict[str, Any]:
    degradable = [mark for mark in marks if mark.may_degrade]
    return {
        "offered": len(marks),
        "attainment": attainment(marks),
        "attainment_may_degrade": attainment(degradable),
        "error_share": error_share(marks),
        **{f"p{percent}_ms": percentile_ms(marks, percent) for percent in (50, 95, 99)},
        "variants": dict(sorted(_variants(marks).items())),
    }


def _variants(marks: Sequence[Mark]) -> Mapping[str, int]:
    """Count answers, late ones included, by variant."""
    return Counter(str(mark.outcome.variant) for mark in marks if not mark.outcome.miss)


def _effective(marks: Sequence[Mark]) -> float | None:
    """Return the quality of the answers on time over everything offered; None if one has none."""
    met = [mark.outcome.quality for mark in marks if not mark.miss]
    known = [quality for quality in met if quality is not None]
    return sum(known) / len(marks) if marks and len(known) == len(met) else None


def _late_sends(marks: Sequence[Mark]) -> dict[str, float]:
    late_ms = [mark.late_send_s * 1e3 for mark in marks]
    found: dict[str, float] = {
        f"over_{limit:g}_ms": sum(late > limit for late in late_ms) for limit in LATE_SEND_MS
    }
    return {**found, "max_ms": max(late_ms, default=0.0)}
