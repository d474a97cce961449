"""The suite's findings as tables, a file and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtests.gpu.suite.run import PartOutcome
from loadtests.kit.bars import Bar
from monitoring.table4 import COLUMNS


@dataclass(frozen=True)
class PrintedTable:
    """A title, a line of headings, and lines of cells."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def tables(outcomes: Mapping[str, PartOutcome]) -> Iterator[PrintedTable]:
    """Yield what a person reads first."""
    lines = [(n, o.status, f"{o.seconds:.1f}", o.why[:90]) for n, o in outcomes.items()]
    yield PrintedTable("parts", ("part", "ended", "seconds", "why"), tuple(lines))
    for task in COLUMNS:
        yield from _column(task, outcomes)
    for form in ("plain", "compiled"):
        yield from _steps(form, outcomes)
    yield from _launching(outcomes)


def _column(task: str, outcomes: Mapping[str, PartOutcome]) -> Iterator[PrintedTable]:
    rows = outcomes["table4"].found.get(task, {}).get("methods") if "table4" in outcomes else None
    if not rows:
        return
    lines = []
    for method, row in rows.items():
        if "error" in row:
            lines.append((method, "", "", "", "", row["error"][:60]))
            continue
        speed, given = row["speed"], row["paper"]
        lines.append(
            (
                method,
                f"{row['ms']['median']:.3f}",
                f"{speed['median']:.3f} ({speed['low']:.3f}-{speed['high']:.3f})",
                f"{row['ideal']:.3f}",
                f"{row['share']:.3f}",
                "-" if given is None else f"{given:.2f}",
            )
        )
    heads = ("method", "ms", "speed over full", "ideal", "share", "paper")
    yield PrintedTable(f"Table 4: {task}", heads, tuple(lines))


def _steps(form: str, outcomes: Mapping[str, PartOutcome]) -> Iterator[PrintedTable]:
    found = outcomes["steps"].found.get(form, {}) if "steps" in outcomes else {}
    lines = [
        (f"{kind}: a + b rows", f"{fit['fixed_us']:.1f} + {fit['row_us']:.2f} us", _percent(fit))
        for kind, fit in found.get("stages", {}).items()
    ]
    for batch, row in found.get("composed", {}).items():
        apart = f"answers apart {row['answers_apart']:.1e}"
        lines.append((f"composed / whole, batch {batch}", f"{row['ratio']['median']:.3f}", apart))
    if found.get("peak_share"):
        rate = f"{found['block_flops'] / 1e12:.0f} TFLOP/s"
        lines.append(("block, share of peak", f"{found['peak_share']:.3f}", rate))
    if "mixed" in found:
        apart = f"row apart {found['mixed']['row_in_company_apart']:.1e}"
        lines.append(("mixed / uniform orders", f"{found['mixed']['ratio']['median']:.3f}", apart))
    if "idle" in found:
        host = f"{found['idle']['host_us_per_decision']:.0f} us a decision"
        lines.append(("idle share", f"{found['idle']['idle_share']:.3f}", host))
    if lines:
        yield PrintedTable(f"steps, {form} kernels", ("what", "measured", ""), tuple(lines))


def _percent(fit: Mapping[str, float]) -> str:
    return f"worst {fit['worst']:.0%} off"


def _launching(outcomes: Mapping[str, PartOutcome]) -> Iterator[PrintedTable]:
    found = outcomes["launching"].found if "launching" in outcomes else {}
    lines = []
    for batch, methods in found.items():
        for method, row in methods.items():
            if {"eager", "graph"} <= set(row) and "kernels" in row.get("profile", {}):
                eager, graph, seen = row["eager"], row["graph"], row["profile"]
                lines.append(
                    (
                        f"{batch} {method}",
                        f"{eager['ms']['median']:.3f} / {graph['ms']['median']:.3f}",
                        f"{eager['speed']['median']:.3f} / {graph['speed']['median']:.3f}",
                        str(seen["kernels"]),
                        f"{seen['idle_share']:.0%}",
                    )
                )
    if lines:
        heads = ("", "ms eager / graph", "speed over full", "kernels", "idle, eager")
        yield PrintedTable("launching", heads, tuple(lines))


def show(shown: Sequence[PrintedTable], bars: Sequence[Bar]) -> None:
    """Print tables and bars, with rich if it is installed."""
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table as RichTable
    except ImportError:
        for table in shown:
            print(plain(table))
    else:
        console = Console()
        for table in shown:
            drawn = RichTable(title=table.title, title_style="bold")
            for head in table.heads:
                drawn.add_column(head)
            for line in table.lines:
                drawn.add_row(*map(escape, line))
            console.print(drawn)
    for bar in bars:
        print(bar.line())


def plain(table: PrintedTable) -> str:
    """Return a table as text."""
    lines = (table.heads, *table.lines)
    wide = [max(len(line[column]) for line in lines) for column in range(len(table.heads))]
    cells = ("  ".join(c.ljust(w) for c, w in zip(line, wide, strict=True)) for line in lines)
    return "\n".join([table.title, *(line.rstrip() for line in cells), ""])
