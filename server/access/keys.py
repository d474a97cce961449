"""API keys: what an operator writes down of each, and finding the one a request was sent with.

The configuration holds SHA-256 sums only. A key is 256 random bits, so its plain sum cannot be
turned back; a slow hash, as passwords need, would only slow the requests.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engine.types import OnMiss

_MARK = "otmv-"
"""What keys begin with, so that scanners for leaked secrets can know them."""

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


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
    operator: bool = Field(default=False, description="May reload the artifact.")

    @model_validator(mode="after")
    def _burst_of_a_rate(self) -> Self:
        if self.burst is not None and self.rate_per_s is None:
            raise ValueError("burst needs rate_per_s")
        return self

    @property
    def capacity(self) -> int:
        """Requests that may come at once: `burst`, or one second's worth."""
        return self.burst or max(1, math.ceil(self.rate_per_s or 1))


class KeyRing:
    """Finds the name of a presented key, taking the same time whichever it is, or none."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._sums = [(name, bytes.fromhex(key.sha256)) for name, key in keys.items()]

    def name_of(self, presented: bytes) -> str | None:
        """Return the name of a key, None if it is unknown."""
        presented_sum = hashlib.sha256(presented).digest()
        found = None
        for name, known_sum in self._sums:
            if hmac.compare_digest(presented_sum, known_sum):
                found = name
        return found


def fresh_key() -> str:
    """Return a new random key, 256 bits."""
    return _MARK + secrets.token_urlsafe(32)


def sha256_of(key: str) -> str:
    """Return what the configuration holds of a key, in hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()
