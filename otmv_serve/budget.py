"""What a request may cost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RequestBudget:
    """What a request may cost; None is no limit, or the server's default.

    Attributes:
        max_latency_ms: time from the arrival of the request's head at the server.
        max_memory_mb: memory of the variant, 10⁶ bytes.
        min_quality: lowest quality of the variant, 0 to 1.
        variant: exactly this variant.
        on_miss: whether a lower variant answers when the latency cannot be met, or nobody.
        min_on_time_probability: once there is an answer, the request goes no deeper where its
            chance of being on time would fall below this, 0 to 1.
    """

    max_latency_ms: float | None = None
    max_memory_mb: float | None = None
    min_quality: float | None = None
    variant: str | None = None
    on_miss: Literal["degrade", "reject"] | None = None
    min_on_time_probability: float | None = None

    def fields(self) -> dict[str, str]:
        """Return the limits that are set, as form fields."""
        values = dataclasses.asdict(self).items()
        return {name: str(value) for name, value in values if value is not None}
