"""Which methods of Table 4 are measured."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.kit.errors import BenchError
from models.comparators.methods import FULL, METHODS


def chosen(ids: Sequence[str]) -> list[str]:
    """Return the ids of `METHODS` to measure, `full` first: those named, or all of them.

    Raises:
        BenchError: one of them is none.
    """
    for name in ids:
        if name not in METHODS:
            raise BenchError(f"no method {name!r}; there are {', '.join(METHODS)}")
    return [name for name in METHODS if not ids or name in ids or name == FULL]
