"""`otmv bench das`: DAS beside random subnetworks and plain bypasses."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artifact.errors import how_to_install
from cli.commands.bench.console import JsonFile, end, print_bars, progress, write
from cli.console import fail, first_line, first_problem, show, table

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from tuning.finetuning.das_compared import DasComparison, DasOutcome

_OVER_RANDOM = 1.0
"""Points that DAS shall be above random subnetworks; the paper has 1.2 with 6 of 12 skipped."""

_Checkpoint = Annotated[Path, typer.Argument(help="Folder of the base.", show_default=False)]
_Tunes = Annotated[str, typer.Argument(help="Data to tune on.", show_default=False)]
_Reports = Annotated[str, typer.Argument(help="Other data, to measure on.", show_default=False)]
_Bypass = Annotated[
    str | None,
    typer.Option(help="Orders of the plain bypass, as 2,3,6,7; else the last half."),
]
_Seeds = Annotated[int, typer.Option(help="Comparisons; bars need 3.", min=1)]
_Subnetworks = Annotated[int, typer.Option(help="Random ones, for each seed.", min=1)]
_Steps = Annotated[int, typer.Option(help="Of each tuning.", min=1)]
_SearchSteps = Annotated[int, typer.Option(help="Of DAS, before these.", min=2)]
_Batch = Annotated[int, typer.Option(help="Questions a step.", min=1)]
_HoldOut = Annotated[int, typer.Option(help="Pictures that the search tries on.", min=1)]
_Split = Annotated[str | None, typer.Option(help="Of the first; its only one, or train.")]
_ReportsSplit = Annotated[str | None, typer.Option(help="Of the other; its only one, or test.")]
_Out = Annotated[Path, typer.Option(help="Folder of the runs; they resume.")]


def das(
    checkpoint: _Checkpoint,
    tunes: _Tunes,
    reports: _Reports,
    bypass: _Bypass = None,
    seeds: _Seeds = 3,
    subnetworks: _Subnetworks = 5,
    steps: _Steps = 600,
    search_steps: _SearchSteps = 300,
    batch: _Batch = 64,
    hold_out: _HoldOut = 200,
    split: _Split = None,
    reports_split: _ReportsSplit = None,
    out: _Out = Path("runs/das"),
    json_file: JsonFile = None,
) -> None:
    """Answer questions with half of a model's orders: by DAS, random subnetworks, plain bypasses.

    All are tuned as many steps on a frozen base, with adapters beside kept orders. DAS and random
    subnetworks replace the others by adapters; a bypass leaves them out.

    [bold]otmv bench das runs/demo world/train world/test --json das.json[/bold]
    """
    comparison, named = _comparison_type(), _orders(bypass)
    skipped = len(named) if named else _half(checkpoint)
    data = comparison(str(checkpoint), tunes, reports, skipped, bypass=named)
    said = replace(
        data,
        split=split,
        reports_split=reports_split,
        subnetworks=subnetworks,
        seeds=tuple(range(seeds)),
        steps=steps,
        search_steps=search_steps,
        warmup_steps=search_steps // 3,
        batch=batch,
        hold_out=hold_out,
    )
    _run(said, out, json_file)


def _comparison_type() -> type[DasComparison]:
    if find_spec("torch") is None:
        fail(f"tuning needs torch: {how_to_install('tune')}")
    from tuning.finetuning.das_compared import DasComparison

    return DasComparison


def _run(said: DasComparison, out: Path, json_file: Path | None) -> None:
    from tuning.finetuning.das_compared import record

    found, base = _compared(said, out)
    _print(found, base)
    bars = bars_of(found)
    print_bars(bars)
    if json_file is not None:
        write(json_file, {}, bars, record(said, found, base), seed=said.seeds[0])
    end(bars)


def bars_of(found: list[DasOutcome]) -> list[Bar]:
    """Return DAS's points over random subnetworks and over plain bypasses, in seeds together."""
    from loadtests.kit.bars import Bar
    from loadtests.kit.intervals import LEAST_VISITS, too_few
    from loadtests.tuning.ablate.statistics import POINTS, difference
    from tuning.finetuning.das_compared import BYPASS, BYPASS_OF_DAS, DAS, RANDOM

    groups = sorted({each.group for each in found})

    def points(group: int, name: str) -> float:
        return POINTS * fmean(e.quality for e in found if (e.group, e.name) == (group, name))

    bars: list[Bar] = []
    for name, least in ((RANDOM, _OVER_RANDOM), (BYPASS, 0.0), (BYPASS_OF_DAS, 0.0)):
        over = difference(*([points(group, side) for group in groups] for side in (DAS, name)))
        title = f"das_over_{name}_points"
        if len(groups) < LEAST_VISITS:
            said = f"{over.mean:+.2f} points, {too_few(len(groups))}"
            bars.append(Bar(title, None, least, True, said))
        else:
            bars.append(Bar(title, over.mean, least, True, interval=(over.low, over.high)))
    return bars


def _compared(said: DasComparison, out: Path) -> tuple[list[DasOutcome], dict[str, Any]]:
    from pydantic import ValidationError

    from artifact.errors import ArtifactError
    from tuning.data.problems import DataError
    from tuning.finetuning.das_compared import compare
    from tuning.recipes.errors import RecipeError
    from tuning.state import ResumeError

    try:
        with progress() as report:
            return compare(said, out, report)
    except ValidationError as error:
        fail(first_problem(error)[1])
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


def _print(found: list[DasOutcome], base: dict[str, Any]) -> None:
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
