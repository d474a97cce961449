"""Print what is measured, one line each: `make structure`. Ends with 1 if a limit is passed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from structure import duplicates, entries, imports, names, requests, sizes
from structure.tree import Limit, Tree

ROOT = Path(__file__).parents[1]


def limits(tree: Tree) -> list[Limit]:
    """Measure everything."""
    return [
        *entries.measure(tree),
        imports.measure(),
        names.measure(tree),
        requests.measure(tree),
        *sizes.measure(tree),
        duplicates.measure(tree),
    ]


def table(found: list[Limit]) -> Table:
    """Return one row for each limit, at most 80 columns wide."""
    made = Table(box=None, pad_edge=False)
    made.add_column("what")
    made.add_column("value", justify="right")
    made.add_column("most", justify="right")
    made.add_column()
    for limit in found:
        verdict = "[green]ok[/green]" if limit.holds else "[red]short[/red]"
        made.add_row(limit.what, str(limit.value), str(limit.most), verdict)
    return made


def main(
    verbose: Annotated[bool, typer.Option(help="List the places that each line counts.")] = False,
) -> None:
    """Measure the structure of this repository against its limits."""
    console = Console()
    found = limits(Tree.of_git(ROOT))
    console.print(table(found))
    for limit in found if verbose else ():
        console.print(f"\n[bold]{escape(limit.what)}: {limit.value}[/bold]")
        for place in limit.places:
            console.print(f"  {place}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(int(not all(limit.holds for limit in found)))


if __name__ == "__main__":
    typer.run(main)
