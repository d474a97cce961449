"""How many requests of a pool ended, and how."""

from __future__ import annotations

from engine.pool import EnginePool


def request_counts(pool: EnginePool) -> dict[tuple[str, str], float]:
    """Return requests_total summed per (variant, outcome)."""
    found: dict[tuple[str, str], float] = {}
    for metric in pool.telemetry.registry.collect():
        for sample in metric.samples:
            if sample.name == "otmv_requests_total" and sample.value:
                key = (sample.labels["variant"], sample.labels["outcome"])
                found[key] = found.get(key, 0) + sample.value
    return found
