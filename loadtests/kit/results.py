"""Results files: one writer, one header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artifact.atomic import write_atomically
from loadtests.kit.bars import Bar
from loadtests.kit.origin import Origin


def results(
    origin: Origin,
    facts: Mapping[str, Any],
    bars: Sequence[Bar],
    measured: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a results file holds: header, facts of the run, bars, then what was measured."""
    return {
        **origin.header(),
        **facts,
        "bars": [bar.record() for bar in bars],
        **(measured or {}),
    }


def write_results(path: Path, found: Mapping[str, Any]) -> None:
    """Write a results file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def rounded(value: Any) -> Any:
    """Return a value with every number in it rounded to four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else value
