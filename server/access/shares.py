"""Who sends a request, as far as shares go: an API key, else an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.access.guard import bearer
from server.access.keys import KeyRing
from server.configuration.api_key import ApiKey


class Shares:
    """Names the share of a request. A key that is not known has the share of its address."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._ring = KeyRing(keys) if keys else None

    def of(self, headers: Sequence[tuple[bytes, bytes]], address: str) -> tuple[str, str]:
        """Return the share: its sort, and the name of the key or the address."""
        presented = None if self._ring is None else bearer(headers)
        name = None if presented is None or self._ring is None else self._ring.name_of(presented)
        return ("address", network_of(address)) if name is None else of_key(name)


def of_key(name: str) -> tuple[str, str]:
    """Return the share of an API key."""
    return "key", name


def network_of(address: str) -> str:
    """Return what one client has for sure: an IPv4 address, or the first 64 bits of an IPv6 one."""
    if ":" not in address:
        return address
    left, double, _ = address.partition("::")
    groups = left.split(":")[:4]
    return ":".join(groups + ["0"] * (4 - len(groups)) if double else groups)
