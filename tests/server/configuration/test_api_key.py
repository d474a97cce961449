"""An API key's entry in the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from server.access.keys import sha256_of
from server.configuration.api_key import ApiKey

ALICE = "otmv-alice"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "abc"},
        {"sha256": ALICE},
        {"rate_per_s": 0},
        {"rate_per_s": float("inf")},
        {"burst": 5},
        {"rate_per_s": 1, "burst": 0},
        {"default_on_miss": "maybe"},
        {"default_max_latency_ms": -1},
        {"rate": 5},
    ],
)
def test_a_wrong_entry_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApiKey.model_validate({"sha256": sha256_of(ALICE), **wrong})
