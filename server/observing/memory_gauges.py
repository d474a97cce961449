"""What the gauges of /metrics say of the engine's memory, for answers that say the same."""

from __future__ import annotations

import math
from collections.abc import Iterable

from engine.telemetry import Telemetry
from engine.types import Offer


class MemoryGauges:
    """Reads the gauges of the engine that takes requests: bytes as measured, at this moment."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._registry = telemetry.registry

    def budget_bytes(self) -> int | None:
        """Return the memory budget; None: no limit."""
        budget = self._read("otmv_memory_budget_bytes")
        return None if math.isinf(budget) else round(budget)

    def resident_bytes(self) -> int:
        """Return the bytes of all loaded stages and their workspace, open requests apart."""
        return round(
            sum(self._read("otmv_resident_bytes", kind=kind) for kind in ("shared", "keys"))
        )

    def smallest_budget_bytes(self, offers: Iterable[Offer]) -> int:
        """Return the smallest memory budget that keeps one of the variants on offer.

        The key blocks that the smallest variant needs are loaded, since one variant always is.
        """
        keys = 1 + min(offer.keys[-1] for offer in offers)
        blocks = (self._read("otmv_key_block_bytes", key=str(key)) for key in range(keys))
        return round(self._read("otmv_resident_bytes", kind="shared") + sum(blocks))

    def _read(self, name: str, **labels: str) -> float:
        return self._registry.get_sample_value(name, labels) or 0.0
