"""`otmv bench das`: DAS beside random subnetworks and plain bypasses."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artifact.errors import how_to_install
from cli.commands.bench.console import JsonFile, end, print_bars, progress, write
from cli.console import fail, first_line, show, table

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from tuning.finetuning.das_compared import DasComparison, Outcome

_LEAST_SEEDS = 3
_OVER_RANDOM = 1.0
"""Points that DAS shall be above random subnetworks; the paper has 1.2 with 6 of 12 skipped."""


def das(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of the base.", show_default=False)],
    tunes: Annotated[str, typer.Argument(help="Data to tune on.", show_default=False)],
    reports: Annotated[str, typer.Argument(help="Other data, to measure on.", show_default=False)],
    skipped: Annotated[int | None, typer.Option(help="Orders; half of them by default.")] = None,
    bypass: Annotated[
        str | None, typer.Option(help="Orders of the plain bypass, as 2,3,6,7; else the last.")
    ] = None,
    task: Annotated[str, typer.Option(help="What is tuned.")] = "vqa",
    seeds: Annotated[int, typer.Option(help="Comparisons; bars need 3.", min=1)] = 3,
    subnetworks: Annotated[int, typer.Option(help="Random ones, for each seed.", min=1)] = 5,
    steps: Annotated[int, typer.Option(help="Of each tuning.", min=1)] = 600,
    search_steps: Annotated[int, typer.Option(help="Of DAS, before these.", min=2)] = 300,
    batch: Annotated[int, typer.Option(help="Requests a step.", min=1)] = 64,
    beside: Annotated[int, typer.Option(help="Inner width beside kept orders.", min=1)] = 24,
    replacing: Annotated[int, typer.Option(help="Inner width in place of others.", min=1)] = 48,
    hold_out: Annotated[int, typer.Option(help="Pictures that the search tries on.", min=1)] = 200,
    examples: Annotated[int, typer.Option(help="Measured on, at most.", min=1)] = 1000,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the runs; they resume.")] = Path("runs/das"),
    json_file: JsonFile = None,
) -> None:
    """Tune half of a model's orders by DAS, by random subnetworks and by plain bypasses.

    All are tuned as many steps on a frozen base, with adapters beside kept orders. DAS and random
    subnetworks replace the others by adapters; a bypass leaves them out.

    [bold]otmv bench das runs/demo world/train world/test --json das.json[/bold]
    """
    if find_spec("torch") is None:
        fail(f"tuning needs torch: {how_to_install('tune')}")
    from tuning.finetuning.das_compared import DasComparison

    said = DasComparison(
        checkpoint=str(checkpoint),
        tunes=tunes,
        reports=reports,
        skipped=skipped or _half(checkpoint),
        task=task,
        bypass=_orders(bypass),
        subnetworks=subnetworks,
        seeds=tuple(range(seeds)),
        steps=steps,
        search_steps=search_steps,
        warmup_steps=search_steps // 3,
        batch=batch,
        beside=beside,
        replacing=replacing,
        hold_out=hold_out,
        examples=examples,
        device=device,
    )
    found, base = _compared(said, out)
    _print(found, base)
    bars = bars_of(found)
    print_bars(bars)
    if json_file is not None:
        from tuning.finetuning.das_compared import record

        write(json_file, {}, bars, record(said, found, base), seed=said.seeds[0])
    end(bars)


def bars_of(found: list[Outcome]) -> list[Bar]:
    """Return DAS's points over random subnetworks and over plain bypasses, in seeds together."""
    from loadtests.kit.bars import Bar
    from loadtests.kit.intervals import bootstrap, too_few
    from tuning.finetuning.das_compared import BYPASS, BYPASS_OF_DAS, DAS, RANDOM

    groups = sorted({each.group for each in found})

    def points(group: int, name: str) -> float:
        return 100 * mean(e.quality for e in found if (e.group, e.name) == (group, name))

    bars = []
    for name, least in ((RANDOM, _OVER_RANDOM), (BYPASS, 0.0), (BYPASS_OF_DAS, 0.0)):
        over = [points(group, DAS) - points(group, name) for group in groups]
        title, enough = f"das_over_{name}_points", len(groups) >= _LEAST_SEEDS
        if not enough:
            said = f"{mean(over):+.2f} points, {too_few(len(groups))}"
            bars.append(Bar(title, None, least, True, said))
            continue
        drawn = bootstrap(lambda at, o=over: {"mean": mean(o[i] for i in at)}, len(over))
        bars.append(Bar(title, mean(over), least, True, interval=drawn["mean"]))
    return bars


def _compared(said: DasComparison, out: Path) -> tuple[list[Outcome], dict[str, Any]]:
    from artifact.errors import ArtifactError
    from tuning.data.problems import DataError
    from tuning.finetuning.das_compared import compare
    from tuning.recipes.errors import RecipeError
    from tuning.state import ResumeError

    try:
        with progress() as report:
            return compare(said, out, report)
    except (ArtifactError, DataError, RecipeError, ResumeError, ValueError, OSError) as error:
        fail(first_line(error))


def _half(checkpoint: Path) -> int:
    from artifact.errors import ArtifactError
    from models.checkpoint import load

    try:
        return max(1, load(checkpoint).model.config.orders // 2)
    except ArtifactError as error:
        fail(str(error))


def _orders(text: str | None) -> tuple[int, ...] | None:
    try:
        return None if text is None else tuple(sorted(int(word) for word in text.split(",")))
    except ValueError:
        fail(f"--bypass {text}: whole numbers and commas, as in 2,3,6,7")


def _print(found: list[Outcome], base: dict[str, Any]) -> None:
    rows = [
        (
            each.name,
            " ".join(map(str, each.skipped)),
            str(each.seed),
            f"{each.quality:.4f}",
            f"{each.tuned_parameters:,}",
            f"{each.seconds:.0f}",
        )
        for each in found
    ]
    for name, skips in (("full", ""), ("bypass", " ".join(map(str, base["bypass_orders"])))):
        rows.append((f"{name}, untuned", skips, "", f"{base[name]:.4f}", "0", "0"))
    show(table(None, ("side", "skips"), ("seed", "quality", "tuned", "seconds"), rows))
