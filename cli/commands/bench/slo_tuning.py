"""`otmv bench slo --tune-rivals`: the rivals' settings, searched and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from cli.commands.bench.console import check_writable, command, progress, write_made
from cli.commands.bench.slo_run import RIVALS_CODE, SloOptions, export_family
from cli.console import fail, note

if TYPE_CHECKING:
    from loadtests.slo.tuning.program import Pair
    from loadtests.slo.tuning.search import Tuned

_OTHER_SEEDS = 1000
"""Tuning draws from the seed and this: never what is reported."""


def tune(options: SloOptions, rivals: Sequence[str], settings: Path | None) -> None:
    """Tune these rivals, or go on; write a file for each variant."""
    from loadtests.kit import journal
    from loadtests.kit.origin import Origin
    from loadtests.kit.results import results
    from loadtests.slo.bench import absent
    from loadtests.slo.tuning import program
    from loadtests.slo.tuning.settings import SETTINGS, settings_file

    folder = settings or SETTINGS
    check_writable(folder)
    seed = options.seed + _OTHER_SEEDS
    setup = options.setup((), seed)
    for name in rivals:
        if why := absent(name, setup.rivals_folder):
            fail(why)
    with progress() as report:
        facts = export_family(setup, report)
    of_run = replace(options, seed=seed).run(facts, RIVALS_CODE)
    path = options.journal_file("tuning")
    with progress() as report, journal.opened(path, of_run, fresh=options.fresh) as kept:
        tunings = program.plan_tunings(rivals, setup, kept, report)
        note(program.said(tunings, setup, kept))
        found = program.tune(tunings, setup, kept, report)
        header = results(Origin(command(), seed), {**of_run, "bench": "slo tuning"}, [])
        del header["bars"]
        for each in tunings:
            tuned = found[each.rival, each.variant]
            record = program.tuned_record(each, tuned, kept)
            write_made(settings_file(folder, each.rival, each.variant), {**header, **record})
    _show(found)
    note(f"wrote {len(found)} files under {folder}")


def _show(found: Mapping[Pair, Tuned]) -> None:
    """Print what was found, a line a variant."""
    table = Table(title="settings of the rivals", title_style="bold", box=box.SIMPLE_HEAD)
    for heading in ("rival", "variant"):
        table.add_column(heading, no_wrap=True)
    for heading in ("batch", "wait ms", "drop at", "workers", "threads", "spin", "points"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (rival, variant), tuned in found.items():
        best = tuned.settings
        points = [score for asked, score in tuned.scores.items() if asked.settings == best]
        table.add_row(
            rival,
            variant,
            str(best.max_batch),
            str(best.wait_ms) if best.max_batch > 1 else "-",
            f"{best.timeout_over_solo}x solo",
            str(best.workers),
            str(best.threads),
            "yes" if best.spin else "no",
            f"{sum(points) / len(points):.1f}",
        )
    Console().print(table)
