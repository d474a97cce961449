"""Table 4 as a picture: a row per method, a column per task, ours beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from statistics import fmean

from models.comparators.methods import METHODS
from monitoring.report.gather import Table4
from monitoring.report.scales import Scale, ticks
from monitoring.table4 import method_title
from monitoring.tasks import TITLES

_WIDTH = 980
_LABELS_PX, _GAP_PX, _RIGHT_PX = 140, 52, 18
_TOP_PX, _ROW_PX, _FOOT_PX = 34, 23, 30


def methods(table: Table4) -> list[str]:
    """Return the paper's methods in its order, then our other variants, the slowest first."""
    ours = {variant for _, variant in table.ours}
    speeds = {
        name: [v for (_, variant), v in table.ours.items() if variant == name] for name in ours
    }
    others = sorted(ours - set(METHODS), key=lambda name: (fmean(speeds[name]), name))
    known = {variant for _, variant in table.paper} | ours
    return [method for method in METHODS if method in known] + others


def dots(table: Table4) -> str:
    """Return the picture as one <svg>."""
    rows = methods(table)
    height = _TOP_PX + _ROW_PX * len(rows) + _FOOT_PX
    scale = _scale(table)
    parts = [*_names(rows)]
    for column, task in enumerate(TITLES):
        parts += _column(table, task, rows, _across(scale, column), height)
    label = "Throughput over full fine-tuning by method and task, ours and the paper's"
    inner = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">\n{inner}\n</svg>'


def _scale(table: Table4) -> tuple[float, float]:
    """Return the range all columns share: round quarters around all values and 1."""
    values = [1.0, *table.ours.values(), *table.paper.values()]
    return math.floor(min(values) * 4) / 4, math.ceil(max(values) * 4 + 0.1) / 4


def _across(scale: tuple[float, float], column: int) -> Scale:
    width = (_WIDTH - _LABELS_PX - _RIGHT_PX - _GAP_PX * (len(TITLES) - 1)) / len(TITLES)
    left = _LABELS_PX + column * (width + _GAP_PX)
    return Scale(*scale, left, left + width)


def _row_px(row: int) -> float:
    return _TOP_PX + _ROW_PX * (row + 0.5)


def _names(rows: list[str]) -> Iterator[str]:
    for row, method in enumerate(rows):
        kind = "method own" if method == "otmv" else "method"
        name = escape(method_title(method))
        yield f'<text class="{kind}" x="{_LABELS_PX - 14}" y="{_row_px(row) + 4:.1f}">{name}</text>'


def _column(
    table: Table4, task: str, rows: list[str], across: Scale, height: float
) -> Iterator[str]:
    foot = height - _FOOT_PX
    middle = (across.start_px + across.end_px) / 2
    yield f'<text class="task" x="{middle:.1f}" y="16">{TITLES[task].heading}</text>'
    marks = dict.fromkeys(ticks(across.low, across.high, 4), "grid")
    for value, kind in (*marks.items(), (1.0, "one")):
        x = across(value)
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP_PX}" y2="{foot:.1f}"/>'
    for value in marks:
        yield f'<text class="x" x="{across(value):.1f}" y="{foot + 18:.1f}">{value:g}&times;</text>'
    for row, method in enumerate(rows):
        y, ends = _row_px(row), f'x1="{across.start_px:.1f}" x2="{across.end_px:.1f}"'
        yield f'<line class="grid" {ends} y1="{y:.1f}" y2="{y:.1f}"/>'
        yield from _pair(table, task, method, across, _row_px(row))


def _pair(table: Table4, task: str, method: str, across: Scale, y: float) -> Iterator[str]:
    """Yield the marks of one method and task, joined if both are there."""
    ours, paper = (found.get((task, method)) for found in (table.ours, table.paper))
    name = method_title(method)
    said = [escape(f"{name}, {TITLES[task].heading}")]
    said += [f"paper  {paper:.2f}&times;"] if paper is not None else []
    said += [f"ours  {ours:.2f}&times;"] if ours is not None else []
    yield f"<g><title>{chr(10).join(said)}</title>"
    if ours is not None and paper is not None:
        ends = f'x1="{across(paper):.1f}" x2="{across(ours):.1f}"'
        yield f'<line class="tie" {ends} y1="{y}" y2="{y}"/>'
    if paper is not None:
        yield f'<circle class="paper" cx="{across(paper):.1f}" cy="{y}" r="6"/>'
    if ours is not None:
        yield f'<circle class="ours" cx="{across(ours):.1f}" cy="{y}" r="4.5"/>'
    yield "</g>"
