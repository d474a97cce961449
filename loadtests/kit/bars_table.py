"""The bars as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from loadtests.kit.bars import Bar

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
