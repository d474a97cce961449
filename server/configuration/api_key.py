"""What an operator writes down of an API key: its sum, default budgets, its rate."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engine.types import OnMiss

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

AdapterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that an adapter may have."""


class ApiKey(BaseModel):
    """One API key: the SHA-256 of its secret, default budgets of its requests, and its rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$", repr=False)
    default_max_latency_ms: float | None = Field(
        default=None, gt=0, le=3_600_000, allow_inf_nan=False
    )
    default_on_miss: OnMiss | None = None
    rate_per_s: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False)
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    default_adapter: AdapterName | None = None
    operator: bool = Field(default=False, description="May change what is served.")

    @model_validator(mode="after")
    def _burst_of_a_rate(self) -> Self:
        if self.burst is not None and self.rate_per_s is None:
            raise ValueError("burst needs rate_per_s")
        return self

    @property
    def capacity(self) -> int:
        """Requests that may come at once: `burst`, or one second's worth."""
        return self.burst or max(1, math.ceil(self.rate_per_s or 1))
