"""Replies to marks: what was on time, what it was worth, and why the rest was missed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests.kit.asking.answers import problem_kind
from loadtests.kit.latencies import late_sends, percentiles_ms, timeline
from loadtests.slo.client import LEFT, Reply, Sent
from loadtests.slo.workload import FACTORS, PlannedCell, PlannedRequest

MISS = "miss"


@dataclass(frozen=True)
class JudgedRequest:
    """One request judged. `latency_s` counts from the intended send; `miss` is why, "" if none.

    `variant` is what answered, on time or late; None if nothing did.
    """

    offer: PlannedRequest
    latency_s: float
    late_send_s: float
    variant: str | None
    miss: str


def judge(
    planned: Sequence[PlannedRequest], replies: Sequence[Reply], solo_s: float
) -> list[JudgedRequest]:
    """Judge every reply by its request's deadline: late, refused, broken and silent are misses."""
    return [_mark(*pair, solo_s) for pair in zip(planned, replies, strict=True)]


def _mark(offer: PlannedRequest, reply: Reply, solo_s: float) -> JudgedRequest:
    latency_s = reply.ended_s - offer.at_s
    variant, miss = None, ""
    if reply.status == 200:
        variant = str(json.loads(reply.body)["answers"][0]["variant"])
        miss = "late" if latency_s > offer.factor * solo_s else ""
    else:
        miss = reply.body if reply.status == LEFT else _refusal(reply)
    return JudgedRequest(offer, latency_s, reply.sent_s - offer.at_s, variant, miss)


def _refusal(reply: Reply) -> str:
    """Return the status and, of an RFC 9457 problem, its kind."""
    kind = problem_kind(reply.body)
    return str(reply.status) if kind is None else f"{reply.status} {kind}"


@dataclass(frozen=True)
class CellScore:
    """One cell of one side, without its warm part; `seconds` is how long the rest lasted.

    `offered_hz` is what the arrivals came to, whatever load was meant. `attainment` is on-time
    answers over offered requests; `effective` the sum of on-time answers' quality over offered
    requests, in points of 100; `goodput_hz` on-time answers per second. `variants` counts on-time
    answers. `classes` holds attainment and p50, p95, p99 of the answers' latency, late ones
    included, per deadline class; `timeline` counts answers on time per variant, and misses, per
    `BIN_S` of intended send times.
    """

    offered: int
    seconds: float
    offered_hz: float
    attainment: float
    effective: float
    goodput_hz: float
    variants: Mapping[str, int]
    misses: Mapping[str, int]
    classes: Mapping[str, Mapping[str, float | None]]
    timeline: Sequence[Mapping[str, int]]
    late_sends: Mapping[str, float]
    client_cpu: float
    server_cpu: float


def score(
    planned: PlannedCell,
    judged: Sequence[JudgedRequest],
    quality: Mapping[str, float],
    sent: Sent,
    server_cpu_s: float,
) -> CellScore:
    """Sum up a cell; processor shares are of one core, from the first send to the last answer."""
    marks = [mark for mark in judged if mark.offer.at_s >= planned.warm_s]
    seconds = planned.seconds
    met = [mark for mark in marks if not mark.miss]
    count = max(1, len(marks))
    return CellScore(
        offered=len(marks),
        seconds=seconds,
        offered_hz=len(marks) / seconds,
        attainment=len(met) / count,
        effective=100 * sum(quality[str(mark.variant)] for mark in met) / count,
        goodput_hz=len(met) / seconds,
        variants=dict(sorted(Counter(str(mark.variant) for mark in met).items())),
        misses=dict(Counter(mark.miss for mark in marks if mark.miss).most_common()),
        classes={f"{factor}x": _class(marks, factor) for factor in FACTORS},
        timeline=timeline(
            ((m.offer.at_s - planned.warm_s, MISS if m.miss else str(m.variant)) for m in marks),
            seconds,
        ),
        late_sends=late_sends([mark.late_send_s for mark in marks]),
        client_cpu=sent.cpu_s / sent.seconds,
        server_cpu=server_cpu_s / sent.seconds,
    )


def _class(marks: Sequence[JudgedRequest], factor: int) -> dict[str, float | None]:
    of_class = [mark for mark in marks if mark.offer.factor == factor]
    answered_s = [mark.latency_s for mark in of_class if mark.variant is not None]
    return {
        "offered": len(of_class),
        "attainment": sum(not mark.miss for mark in of_class) / max(1, len(of_class)),
        **percentiles_ms(answered_s),
    }
