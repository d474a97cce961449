"""The bars as a table: one row for each bar, on a narrow terminal and in a pipe too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from loadtests.kit.bars import Bar

_STYLES = {"ok": "green", "short": "red", "unclear": "yellow", "not-run": "dim"}
_SIDES = ("ours", "theirs")


def bars_table(bars: Sequence[Bar], console: Console) -> Table:
    """Return one row for each bar, with both sides' medians where the console has room for them."""
    wide = _table(bars, _SIDES)
    unbounded = console.options.update_width(1000)
    fits = Measurement.get(console, unbounded, wide).maximum <= console.width
    return wide if fits else _table(bars, ())


def _table(bars: Sequence[Bar], sides: Sequence[str]) -> Table:
    table = Table(title="bars", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("bar", no_wrap=True)
    for title in (*sides, "measured", "limit"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for bar in bars:
        medians = (_median(bar.evidence.get(side)) for side in sides)
        style = _STYLES[bar.verdict]
        verdict = f"[{style}]{bar.verdict}[/{style}]"
        table.add_row(escape(bar.name.removeprefix("engine.")), *medians, *bar.shown, verdict)
    return table


def _median(side: Mapping[str, Any] | None) -> str:
    return f"{side['quartiles'][1]:.4g} {side['unit'].split(',')[0]}" if side else "-"
