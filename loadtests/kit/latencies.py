"""What the requests of an open loop add up to: latencies, late sends, a course over time. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

LATE_SEND_MS = (1.0, 5.0)
BIN_S = 1.0
PERCENTS = (50, 95, 99)


def percentile_ms(latencies_s: Sequence[float], percent: float) -> float | None:
    """Return a percentile of latencies in milliseconds; None of none."""
    times_ms = [latency_s * 1e3 for latency_s in latencies_s]
    return float(np.percentile(times_ms, percent)) if times_ms else None


def percentiles_ms(latencies_s: Sequence[float]) -> dict[str, float | None]:
    """Return the percentiles that results files hold, by field name."""
    return {f"p{percent}_ms": percentile_ms(latencies_s, percent) for percent in PERCENTS}


def late_sends(late_s: Sequence[float]) -> dict[str, float]:
    """Return how many sends went out later than `LATE_SEND_MS`, and the latest."""
    late_ms = [each_s * 1e3 for each_s in late_s]
    found: dict[str, float] = {
        f"over_{limit:g}_ms": sum(late > limit for late in late_ms) for limit in LATE_SEND_MS
    }
    return {**found, "max_ms": max(late_ms, default=0.0)}


def timeline(ends: Iterable[tuple[float, str]], seconds: float) -> list[dict[str, int]]:
    """Count ends by name, per `BIN_S` of intended sends (seconds from the start)."""
    bins: list[Counter[str]] = [Counter() for _ in range(max(1, math.ceil(seconds / BIN_S)))]
    for at_s, name in ends:
        bins[min(int(at_s / BIN_S), len(bins) - 1)][name] += 1
    return [dict(sorted(each.items())) for each in bins]
