"""What was asked and answered so far, read from the metrics: three of them, not the whole page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from engine.clock import Clock

_REQUESTS, _SHED, _OPEN = "otmv_requests_total", "otmv_shed_total", "otmv_open_requests"
_ANSWERED = frozenset({"ok", "late"})
_NOT_OFFERED = frozenset({"invalid", "refused"})
_FRESH_S = 0.5
"""Counting takes a millisecond of the event loop: however many ask, it is done twice a second."""


@dataclass(frozen=True)
class Activity:
    """Counts since the start, as `monitoring/promql.py` defines them for rates.

    Attributes:
        open_requests: admitted, and not yet ended.
        offered: all that was sent, but for what was the request's own fault.
        on_time: answered by the deadline.
        answered: answered, by task and variant.
    """

    open_requests: int
    offered: int
    on_time: int
    answered: Mapping[tuple[str, str], int]


class LatestActivity:
    """Counts again at most twice a second, whoever asks."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._counted: tuple[float, Activity] | None = None

    def counts(self) -> Activity:
        """Return counts that are at most half a second old."""
        now_s = self._clock.now_s()
        if self._counted is None or now_s - self._counted[0] >= _FRESH_S:
            self._counted = now_s, activity_of(self._registry)
        return self._counted[1]


def activity_of(registry: CollectorRegistry) -> Activity:
    """Return the counts of an engine's metrics."""
    samples = list(_samples(registry))
    ended = [each for each in samples if each.name == _REQUESTS]
    answered: Counter[tuple[str, str]] = Counter()
    for each in ended:
        if each.labels["outcome"] in _ANSWERED and each.value:
            answered[each.labels["task"], each.labels["variant"]] += int(each.value)
    fair = (each for each in ended if each.labels["outcome"] not in _NOT_OFFERED)
    shed = (each for each in samples if each.name == _SHED)
    return Activity(
        open_requests=_sum(each for each in samples if each.name == _OPEN),
        # Every refusal is among those shed, also one before the engine.
        offered=_sum(fair) + _sum(shed),
        on_time=_sum(each for each in ended if each.labels["outcome"] == "ok"),
        answered=answered,
    )


def _samples(registry: CollectorRegistry) -> Iterable[Sample]:
    for metric in registry.restricted_registry([_REQUESTS, _SHED, _OPEN]).collect():
        yield from metric.samples


def _sum(samples: Iterable[Sample]) -> int:
    return int(sum(each.value for each in samples))
