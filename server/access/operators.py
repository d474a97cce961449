"""Which API keys may change what is served."""

from __future__ import annotations

from collections.abc import Mapping

from engine.telemetry import NO_API_KEY
from server.configuration.api_key import ApiKey
from server.errors import NotOperator


def check_operator(keys: Mapping[str, ApiKey], api_key: str | None) -> None:
    """Check the name of a request's API key; without any configured keys every request passes.

    Raises:
        NotOperator: it is no operator's.
    """
    if keys and (api_key is None or not keys[api_key].operator):
        raise NotOperator(api_key or NO_API_KEY)
