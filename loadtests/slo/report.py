"""The live benchmark as a table and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table as Shown

from loadtests.kit.results import rounded
from loadtests.slo.bars import CellTable
from loadtests.slo.visits import OURS, CellResult, Yardstick


def cells_table(title: str, rows: Sequence[CellResult], yardstick: Yardstick) -> Shown:
    """Return ours per cell, beside each rival's full and hindsight-best variant, a row a rival."""
    table = CellTable(rows)
    rivals = [side for side in dict.fromkeys(row.side for row in rows) if side != OURS]
    shown = Shown(title=title, title_style="bold", box=box.SIMPLE_HEAD)
    shown.caption = "effective accuracy, points of 100 (answered on time, %)"
    shown.add_column("load", no_wrap=True)
    for heading in (
        OURS,
        *(["rival", f"its {yardstick.full}", "its best fixed"] if rivals else []),
    ):
        shown.add_column(escape(heading), justify="right", no_wrap=True)
    for cell in table.cells:
        ours = _cell(table, OURS, "", cell)
        for rival in rivals:
            name, _ = table.hindsight(rival, cell)
            best = f"{_cell(table, rival, name, cell)} {name}"
            shown.add_row(
                escape(cell.name), ours, rival, _cell(table, rival, yardstick.full, cell), best
            )
        if not rivals:
            shown.add_row(escape(cell.name), ours)
    return shown


def _cell(table: CellTable, side: str, variant: str, cell: Any) -> str:
    share = 100 * table.attainment(side, variant, cell)
    return f"{table.effective(side, variant, cell):.1f} ({share:.1f})"


def yardstick_record(yardstick: Yardstick) -> dict[str, Any]:
    """Return what the results file holds of the yardstick."""
    return {
        "solo_ms": round(yardstick.solo_s * 1e3, 3),
        "capacity_hz": round(yardstick.capacity_hz, 3),
        "smallest_over_full": round(yardstick.smallest_over_full, 3),
        "rates_hz": rounded(yardstick.rates),
        "quality": dict(yardstick.quality),
    }


def row_record(row: CellResult) -> dict[str, Any]:
    """Return what the results file holds of a row; the timeline only of our first turn."""
    found = {
        "side": row.side,
        **({"variant": row.variant} if row.variant else {"turn": row.turn}),
        **asdict(row.cell),
        **rounded(asdict(row.score)),
    }
    if row.side != OURS or row.turn:
        del found["timeline"]
    return found
