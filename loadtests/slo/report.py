"""The live benchmark as a table and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table as Shown

from loadtests.kit.results import rounded
from loadtests.slo.judging.calibration import record
from loadtests.slo.judging.table import CellTable, Turns
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick


def cells_table(title: str, rows: Sequence[CellResult], yardstick: Yardstick) -> Shown:
    """Return ours per cell, beside each rival's full and hindsight-best variant, a row a rival.

    "came" is the load that the arrivals came to.
    """
    table = CellTable(rows, yardstick.quality)
    rivals = [side for side in dict.fromkeys(row.side for row in rows) if side != OURS]
    turns = table.turns(OURS, *rivals)
    shown = Shown(title=title, title_style="bold", box=box.SIMPLE_HEAD)
    shown.caption = f"effective accuracy, points (on time, %); mean of visits: {len(turns)}"
    shown.add_column("load", no_wrap=True)
    for heading in ("came", OURS, "rival", f"its {yardstick.full}", "its best fixed"):
        shown.add_column(escape(heading), justify="right", no_wrap=True)
    for cell in table.cells:
        ours = _cell(table, (OURS, ""), cell, turns)
        came = f"{table.offered_hz(cell, turns) / yardstick.capacity_hz:.2f}x"
        for rival in rivals:
            full = _cell(table, (rival, yardstick.full), cell, turns)
            name, _ = table.hindsight(rival, cell, turns)
            best = f"{_cell(table, (rival, name), cell, turns)} {name}"
            shown.add_row(escape(cell.name), came, ours, rival, full, best)
    return shown


def _cell(table: CellTable, of: tuple[str, str], cell: Cell, turns: Turns) -> str:
    share = 100 * table.attainment(*of, cell, turns)
    return f"{table.effective(*of, cell, turns):.1f} ({share:.3g})"


def yardstick_record(yardstick: Yardstick) -> dict[str, Any]:
    """Return what the results file holds of the yardstick."""
    return {
        "solo_ms": round(yardstick.solo_s * 1e3, 3),
        "capacity_hz": round(yardstick.capacity_hz, 3),
        "smallest_over_full": round(yardstick.smallest_over_full, 3),
        "rates_hz": rounded(yardstick.rates),
        "quality": dict(yardstick.quality),
    }


def row_record(row: CellResult, capacity_hz: float) -> dict[str, Any]:
    """Return what the results file holds of a row; the timeline only of our first visit.

    `offered_load` is what the arrivals came to, over the capacity.
    """
    variant = {"variant": row.variant} if row.variant else {}
    found = {"side": row.side, **variant, "visit": row.turn, **asdict(row.cell)}
    if row.score is None:
        return {**found, "left_out": "another variant scored more than its quality"}
    found |= {"offered_load": round(row.score.offered_hz / capacity_hz, 4)}
    found |= rounded(asdict(row.score))
    if row.side != OURS or row.turn:
        del found["timeline"]
    return {**found, "tenths": record(row.tenths)} if row.tenths else found
