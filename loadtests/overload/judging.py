"""Replies under overload to figures and bars. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.kit.asking.answers import problem_kind
from loadtests.kit.bars import Bar
from loadtests.kit.latencies import percentile_ms
from loadtests.slo.client import LEFT, Reply
from loadtests.slo.workload import PlannedRequest

LEAST_OVER_BEST, ON_TIME, FALSELY_MET = 0.85, 0.95, 0.001
REFUSED_MS = {0: 50.0, 2: 150.0}
"""p99 of a refusal, by how many busy processes are beside it."""


@dataclass(frozen=True)
class OverloadReply:
    """One request judged by the client's clock.

    `kind` is "ok", "late", or why there is no answer. `said_met` is the answer's own word.
    """

    at_s: float
    took_s: float
    kind: str
    said_met: bool | None = None
    variant: str = ""

    @property
    def refused(self) -> bool:
        """Whether it was refused, which says nothing of other failures."""
        return self.kind.startswith(("503 ", "429 ", "504 deadline-unattainable"))


def judge_overload(
    planned: Sequence[PlannedRequest], replies: Sequence[Reply], solo_s: float
) -> list[OverloadReply]:
    """Judge every reply by its request's deadline, from the moment that it was sent."""
    return [_judged(*pair, solo_s) for pair in zip(planned, replies, strict=True)]


def _judged(offer: PlannedRequest, reply: Reply, solo_s: float) -> OverloadReply:
    took_s = reply.ended_s - reply.sent_s
    if reply.status != 200:
        kind = problem_kind(reply.body)
        why = reply.body if reply.status == LEFT else f"{reply.status} {kind}"
        return OverloadReply(offer.at_s, took_s, why)
    answer = json.loads(reply.body)["answers"][0]
    kind = "late" if took_s > offer.factor * solo_s else "ok"
    return OverloadReply(offer.at_s, took_s, kind, answer["deadline_met"], answer["variant"])


@dataclass(frozen=True)
class Figures:
    """What a stretch of replies adds up to; shares are None of nothing."""

    offered: int
    offered_hz: float
    goodput_hz: float
    on_time_of_admitted: float | None
    on_time_of_answered: float | None
    refused_p99_ms: float | None
    falsely_met: float | None
    quality: float | None
    kinds: Mapping[str, int]

    @classmethod
    def of(
        cls, replies: Sequence[OverloadReply], seconds: float, quality: Mapping[str, float]
    ) -> Figures:
        """Sum up replies to what was sent within `seconds`."""
        in_time = [each for each in replies if each.kind == "ok"]
        answered = [each for each in replies if each.said_met is not None]
        admitted = [each for each in replies if not each.refused]
        refused_s = [each.took_s for each in replies if each.refused]
        lies = sum(bool(each.said_met) and each.kind == "late" for each in answered)
        return cls(
            len(replies),
            len(replies) / seconds,
            len(in_time) / seconds,
            len(in_time) / len(admitted) if admitted else None,
            len(in_time) / len(answered) if answered else None,
            percentile_ms(refused_s, 99),
            lies / len(answered) if answered else None,
            sum(quality[each.variant] for each in in_time) / len(in_time) if in_time else None,
            dict(Counter(each.kind for each in replies).most_common()),
        )


def row_bars(rows: Mapping[str, Figures]) -> list[Bar]:
    """Return the bars of cells with rising loads; where less was offered than the best, of that."""
    best_hz = max(each.goodput_hz for each in rows.values())
    shares = {name: each.goodput_hz / min(best_hz, each.offered_hz) for name, each in rows.items()}
    worst = min(shares, key=shares.__getitem__)
    least = Bar("overload.rows.least-over-best", shares[worst], LEAST_OVER_BEST, True, worst)
    return [least, *_common("overload.rows", list(rows.values()), REFUSED_MS[0])]


def spike_bars(spike: Figures, after: Figures, sustained_hz: float, busy: int) -> list[Bar]:
    """Return the bars of a spike beside some busy processes; `after` begins 1 s after its end."""
    name = f"overload.spike.beside-{busy}" if busy else "overload.spike"
    share = spike.goodput_hz / sustained_hz
    spread = f"{spike.goodput_hz:.0f}/s of {sustained_hz:.0f}/s; quality {spike.quality or 0:.3f}"
    return [
        Bar(f"{name}.goodput-over-sustained", share, LEAST_OVER_BEST, True, spread),
        *_common(name, [spike], REFUSED_MS[2 if busy else 0]),
        Bar(f"{name}.recovered", after.on_time_of_admitted, ON_TIME, True, _counts(after)),
    ]


def _common(name: str, found: Sequence[Figures], refused_ms: float) -> list[Bar]:
    def extreme(pick: Callable[[Figures], float | None], choose: Callable[..., float]) -> float:
        return choose((value for each in found if (value := pick(each)) is not None), default=0.0)

    return [
        Bar(
            f"{name}.on-time-of-admitted",
            extreme(lambda f: f.on_time_of_admitted, min),
            ON_TIME,
            True,
        ),
        Bar(f"{name}.refused-p99-ms", extreme(lambda f: f.refused_p99_ms, max), refused_ms, False),
        Bar(f"{name}.falsely-met", extreme(lambda f: f.falsely_met, max), FALSELY_MET, False),
    ]


def _counts(found: Figures) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in found.kinds.items())
