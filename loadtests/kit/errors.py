"""What a benchmark foresees to go wrong."""

from __future__ import annotations


class BenchError(Exception):
    """Something a benchmark needs is not there; the message says what to do."""
