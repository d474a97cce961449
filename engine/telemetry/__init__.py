"""Every instrument of the server (docs/operations.md), on a registry of its own. Thread-safe."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector

from artifact.task import TaskName
from engine.telemetry.artifact import ArtifactInstruments
from engine.telemetry.http import HttpInstruments
from engine.telemetry.instruments import Instruments
from engine.telemetry.labels import (
    MOST_ADAPTER_NAMES,
    NO_API_KEY,
    NO_VARIANT,
    OTHER_ADAPTERS,
    SHED_REASONS,
    ZERO_WHEN_IDLE,
)
from engine.telemetry.load import LoadInstruments
from engine.telemetry.requests import RequestInstruments
from engine.telemetry.timing import TimingInstruments

__all__ = [
    "MOST_ADAPTER_NAMES",
    "NO_API_KEY",
    "NO_VARIANT",
    "OTHER_ADAPTERS",
    "SHED_REASONS",
    "ZERO_WHEN_IDLE",
    "Telemetry",
]


class Telemetry(
    RequestInstruments, TimingInstruments, HttpInstruments, LoadInstruments, ArtifactInstruments
):
    """Instruments with bounded labels: task, variant id or `none`, outcome, phase, reason, kind,
    the names of the API keys that are configured, and those of the first adapters.

    `requests_total` counts each request once, when it ends; see `engine.types.Outcome`. It and
    `shed_total` begin at 0 with every label: Prometheus sees no growth up to a series' first value.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        made = Instruments(self.registry)
        RequestInstruments.__init__(self, made)
        TimingInstruments.__init__(self, made)
        HttpInstruments.__init__(self, made)
        LoadInstruments.__init__(self, made)
        ArtifactInstruments.__init__(self, made)
        ProcessCollector(registry=self.registry)

    def offer(self, task: TaskName, variant: str, quality: float | None) -> None:
        """Record that a variant is served, and its quality; NaN if it was never measured."""
        super().offer(task, variant, quality)
        self.begin_counting(task, variant)
