"""API keys: making one, and finding the one that a request was sent with.

The configuration holds SHA-256 sums only. A key is 256 random bits, so its plain sum cannot be
turned back; a slow hash, as passwords need, would only slow the requests.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from server.configuration.api_key import ApiKey

_MARK = "otmv-"
"""What keys begin with, so that scanners for leaked secrets can know them."""


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
