"""The table from Prometheus on the screen, and in the results file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from loadtests.table4.ledger import Ledger
from loadtests.table4.live import LiveRow, LiveWindow
from loadtests.table4.report import Direct
from monitoring import table4
from monitoring.promql import Scope
from monitoring.table4 import SOURCE, method_title, paper_speed


def live_table(live: LiveWindow, direct: Direct) -> Table:
    """Return a line per task and variant; `direct` is empty if none was given."""
    shown = Table(
        title=f"pictures per busy second over {live.window}",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.caption = _caption(live)
    for heading in ("task", "method"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("pictures", "per busy s", "over full", "direct", "paper"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in live.rows:
        shown.add_row(
            row.task,
            escape(method_title(row.variant)),
            f"{row.pictures:.0f}",
            f"{row.throughput:.3g}",
            f"{row.relative:.2f}",
            _shown(direct.get((row.task, row.variant))),
            _shown(paper(row)),
        )
    return shown


def _caption(live: LiveWindow) -> str:
    parts = [SOURCE]
    if live.rows_per_step is not None:
        parts.append(f"rows per step {live.rows_per_step:.2f}")
    if live.words:
        least, most = min(live.words.values()), max(live.words.values())
        parts.append(f"words per caption {least:.1f} to {most:.1f}")
    return "; ".join(parts)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def paper(row: LiveRow) -> float | None:
    """Return the paper's ratio for a row, None if its table has none."""
    return paper_speed(row.variant, row.task)


def live_facts(live: LiveWindow, direct: Direct, ledger: Ledger | None) -> dict[str, Any]:
    """Return what the results file holds beside the bars and where it comes from."""
    return {
        "window": live.window,
        "ends_at_s": round(live.at_s, 3),
        "promql": table4.throughput_over_full(Scope(live.window)),
        "paper": SOURCE,
        "rows_per_step": live.rows_per_step,
        "words_per_caption": dict(live.words),
        "rows": [_record(row, direct) for row in live.rows],
        **({} if ledger is None else {"ledger": asdict(ledger)}),
    }


def _record(row: LiveRow, direct: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    return {
        "task": row.task,
        "method": row.variant,
        "pictures": round(row.pictures, 2),
        "pictures_per_busy_s": round(row.throughput, 4),
        "relative": round(row.relative, 4),
        "direct": direct.get((row.task, row.variant)),
        "paper": paper(row),
    }
