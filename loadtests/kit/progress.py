"""How a benchmark reports what it is doing."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, float], None]
"""Called with what is being done, and which share of it is done, 0 to 1."""
