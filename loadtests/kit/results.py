"""The results file, written in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artifact.atomic import write_atomically
from artifact.latency import machine_fingerprint
from loadtests.kit.bars import Bar
from loadtests.kit.origin import commit_here, library_versions


def results(bars: Sequence[Bar], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the results file holds."""
    return {
        "machine": machine_fingerprint(),
        "commit": commit_here(),
        "libraries": library_versions(),
        **facts,
        "bars": [bar.record() for bar in bars],
    }


def write_results(path: Path, bars: Sequence[Bar], facts: Mapping[str, Any]) -> None:
    """Write the results file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(results(bars, facts), indent=1, ensure_ascii=False)
    write_atomically(path, text + "\n")
