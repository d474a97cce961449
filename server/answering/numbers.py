"""Numbers as they stand in JSON: no more digits than mean something."""

from __future__ import annotations

from typing import overload

_BYTES_PER_MB = 1e6


def to_ms(seconds: float) -> float:
    """Return seconds as milliseconds, rounded to 0.01."""
    return round(seconds * 1e3, 2)


def to_mb(size_bytes: float) -> float:
    """Return bytes as 10⁶ bytes, rounded to 0.001."""
    return round(size_bytes / _BYTES_PER_MB, 3)


@overload
def share(value: float) -> float: ...
@overload
def share(value: float | None) -> float | None: ...
def share(value: float | None) -> float | None:
    """Return a probability or a quality, 0 to 1, rounded to 4 digits; None stays."""
    return None if value is None else round(value, 4)
