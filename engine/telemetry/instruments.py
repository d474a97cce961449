"""How instruments are made: named `otmv_…`, on one registry."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

BY_VARIANT = ("task", "variant")
"""Labels of what is counted by variant."""

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Upper ends of a time's buckets."""


class Instruments:
    """Makes instruments on a registry.

    Args:
        registry: what `/metrics` shows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Make a counter; its series end in `_total`."""
        return Counter(f"otmv_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Make a gauge."""
        return Gauge(f"otmv_{name}", text, labels, registry=self.registry)

    def summary(self, name: str, text: str, *labels: str) -> Summary:
        """Make a count and a sum."""
        return Summary(f"otmv_{name}", text, labels, registry=self.registry)

    def histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        """Make a histogram of numbers that are never below 0."""
        return Histogram(f"otmv_{name}", text, labels, buckets=buckets, registry=self.registry)

    def signed_histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        """Make a histogram of numbers that may be below 0: it shows no sum and no count."""
        made = Histogram(f"otmv_{name}", text, buckets=buckets, registry=None)
        self.registry.register(_BucketsAlone(made))
        return made


class _BucketsAlone(Collector):
    """A histogram with buckets below 0: it has no sum, and OpenMetrics wants no count then."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def collect(self) -> Iterable[Metric]:
        """Return its buckets."""
        for metric in self._histogram.collect():
            metric.samples = [each for each in metric.samples if each.name.endswith("_bucket")]
            yield metric
