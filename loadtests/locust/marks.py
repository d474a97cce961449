"""What became of each request, and what that adds up to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.kit.latencies import late_sends, percentiles_ms, timeline
from loadtests.locust.budgets import CLASSES
from loadtests.locust.schedules import Arrival

LATE, REJECTED = "late", "rejected"


@dataclass(frozen=True)
class JudgedReply:
    """A reply judged: what answered and its quality, or why there is no answer.

    `miss` is "" for a whole answer, `REJECTED` for a 504 that the request asked for by
    `on_miss=reject`, else what went wrong.
    """

    variant: str | None = None
    quality: float | None = None
    miss: str = ""


@dataclass(frozen=True)
class RequestMark:
    """One request judged. Latency counts from the intended send, as does the deadline."""

    arrival: Arrival
    late_send_s: float
    latency_s: float
    deadline_s: float | None
    outcome: JudgedReply

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


def attainment(marks: Sequence[RequestMark]) -> float | None:
    """Return the share answered by the deadline asked for; None of nothing."""
    return sum(not mark.miss for mark in marks) / len(marks) if marks else None


def error_share(marks: Sequence[RequestMark]) -> float | None:
    """Return the share that failed; None of nothing."""
    return sum(mark.failed for mark in marks) / len(marks) if marks else None


def answered_s(marks: Sequence[RequestMark]) -> list[float]:
    """Return the latencies of the answers, late ones included."""
    return [mark.latency_s for mark in marks if not mark.outcome.miss]


def summary(marks: Sequence[RequestMark], seconds: float) -> dict[str, Any]:
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
        "late_sends": late_sends([mark.late_send_s for mark in marks]),
        "timeline": answers_over_time(marks, seconds),
    }


def answers_over_time(marks: Sequence[RequestMark], seconds: float) -> list[dict[str, int]]:
    """Count answers on time per variant, and misses per reason, per second of intended sends."""
    ends = ((mark.arrival.at_s, mark.miss or str(mark.outcome.variant)) for mark in marks)
    return timeline(ends, seconds)


def _groups(
    marks: Sequence[RequestMark], name: Callable[[RequestMark], str]
) -> dict[str, dict[str, Any]]:
    names = sorted(dict.fromkeys(map(name, marks)), key=_place)
    return {each: _group([mark for mark in marks if name(mark) == each]) for each in names}


def _place(name: str) -> int:
    """Return where a budget class stands; tasks and stretches stay as they came."""
    return list(CLASSES).index(name) if name in CLASSES else 0


def _group(marks: Sequence[RequestMark]) -> dict[str, Any]:
    degradable = [mark for mark in marks if mark.may_degrade]
    return {
        "offered": len(marks),
        "attainment": attainment(marks),
        "attainment_may_degrade": attainment(degradable),
        "error_share": error_share(marks),
        **percentiles_ms(answered_s(marks)),
        "variants": dict(sorted(_variants(marks).items())),
    }


def _variants(marks: Sequence[RequestMark]) -> Mapping[str, int]:
    """Count answers, late ones included, by variant."""
    return Counter(str(mark.outcome.variant) for mark in marks if not mark.outcome.miss)


def _effective(marks: Sequence[RequestMark]) -> float | None:
    """Return the quality of the answers on time over everything offered; None if one has none."""
    met = [mark.outcome.quality for mark in marks if not mark.miss]
    known = [quality for quality in met if quality is not None]
    return sum(known) / len(marks) if marks and len(known) == len(met) else None
