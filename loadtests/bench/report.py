"""The benchmark as a table and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from artifact.atomic import write_atomically
from artifact.latency import machine_fingerprint
from loadtests.bars import Bar
from loadtests.origin import commit_here, library_versions

_STYLES = {"ok": "green", "short": "red", "not-run": "dim"}


def bars_table(bars: Sequence[Bar]) -> Table:
    """Return one line per bar, with both sides' medians."""
    table = Table(title="bars", title_style="bold")
    table.add_column("bar", overflow="fold")
    for title in ("ours", "theirs", "measured", "limit"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for bar in bars:
        sides = (_median(bar.evidence.get(side)) for side in ("ours", "theirs"))
        style = _STYLES[bar.verdict]
        verdict = f"[{style}]{bar.verdict}[/{style}]"
        table.add_row(escape(bar.name.removeprefix("engine.")), *sides, *bar.shown, verdict)
    return table


def _median(side: Mapping[str, Any] | None) -> str:
    return f"{side['quartiles'][1]:.4g} {side['unit'].split(',')[0]}" if side else "-"


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
