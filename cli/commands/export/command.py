"""`otmv export`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from artifact.errors import ArtifactError

if TYPE_CHECKING:
    from artifact.manifest import Manifest
    from exporters.examples import Example
    from exporters.export import Options, Report, Splits
    from models.checkpoint import Checkpoint

app = typer.Typer()

Whole = Literal["all", "full", "none"]

SEARCH_PICTURES = 400
"""Pictures, six questions each, that the ladder is searched on."""

SEARCH_STATEMENTS = 6
"""Statements about each pair of them; the search takes every third, golden cases the first."""

GOLDEN_QUESTIONS, GOLDEN_CAPTIONS, GOLDEN_STATEMENTS = 600, 100, 600
"""Cases a server checks itself by: three answers may turn before half a point is lost."""


@app.command()
def export(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Folder written by `otmv tune`.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Artifact folder to make.")] = Path("artifact-out"),
    random: Annotated[
        str | None, typer.Option(help="Random weights of beit3_base or beit3_large instead.")
    ] = None,
    image_size: Annotated[int, typer.Option(help="With --random: side in pixels.")] = 224,
    keys: Annotated[int, typer.Option(help="With --random: key blocks; divides the orders.")] = 1,
    tasks: Annotated[str, typer.Option(help="With --random: some of vqa,caption,reason.")] = "vqa",
    quality_curve: Annotated[
        Path | None, typer.Option(help="With --random: JSON of declared quality by depth.")
    ] = None,
    depths: Annotated[
        str | None, typer.Option(help="With --random: variants, as 3,6,12; none: every depth.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A world folder to measure on, instead of fresh pictures.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(help="Fresh pictures to report quality on.", min=8)
    ] = 1000,
    whole: Annotated[Whole, typer.Option(help="Variants that also become one graph each.")] = "all",
    methods: Annotated[
        str | None, typer.Option(help="With --random: Table 4's methods instead, all or some ids.")
    ] = None,
) -> None:
    """Turn a checkpoint into an artifact: ONNX stages, one weights file, measured variants.

    Examples:

      otmv export runs/demo --out my-artifact

      otmv export --random beit3_base --image-size 224 --keys 2 --out base-2-keys

      otmv export --random beit3_base --image-size 224 --methods full,lora,otmv --out rivals
    """
    console = Console(stderr=True)
    if (checkpoint is None) == (random is None):
        _fail(console, "give a checkpoint folder, or --random beit3_base (one of the two)")
    if methods is not None and (random is None or depths or quality_curve or keys != 1):
        _fail(console, "--methods goes with --random, and has its own keys, depths and quality")
    try:
        from exporters.export import Options
        from exporters.parity import ParityError
        from exporters.quality import QualityCurve
        from tuning.world.errors import WorldError
    except ModuleNotFoundError as error:
        _fail(console, f"exporting needs {error.name}: pip install 'otmv-serve[export]'")
    try:
        if methods is not None:
            from cli.commands.export.methods import export_methods
            from cli.commands.export.random_model import random_config

            export_methods(console, random_config(random or "", image_size, tasks), methods, out)
        elif checkpoint is not None:
            from models.checkpoint import load

            loaded = load(checkpoint)
            options = Options(whole=whole, card=_card(loaded))
            _run(console, loaded, out, options, (data, pictures))
        else:
            from cli.commands.export.random_model import random_checkpoint, random_config

            chosen = _depths(depths)
            loaded = random_checkpoint(random_config(random or "", image_size, tasks, keys))
            curve = QualityCurve.read(quality_curve) if quality_curve else None
            options = Options(whole=whole, curve=curve, depths=chosen)
            _run(console, loaded, out, options, None)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        _fail(console, f"{where}: {first['msg'].removeprefix('Value error, ')}".lstrip(": "))
    except (ArtifactError, ParityError, WorldError, ValueError) as error:
        _fail(console, str(error).splitlines()[0])
    except OSError as error:
        _fail(console, f"{error} (check free space and rights, also of the temporary folder)")


def _fail(console: Console, problem: str) -> None:
    console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def _run(
    console: Console,
    checkpoint: Checkpoint,
    out: Path,
    options: Options,
    measured: tuple[Path | None, int] | None,
) -> None:
    from exporters.export import export as export_artifact

    with progress(console) as report:
        report("drawing pictures", 0.0)
        splits = _splits(*measured) if measured else None
        artifact = export_artifact(checkpoint, out, splits, options, report)
    manifest = artifact.manifest
    if manifest.ladder:
        cost = f"{manifest.ladder.evaluations} patterns scored in {manifest.ladder.seconds:.0f} s"
        console.print(f"ladder search: {manifest.ladder.search} on {manifest.ladder.split}, {cost}")
    say_parity(console, manifest)
    for variant in manifest.variants:
        shown = "  ".join(
            f"{task} {value['fp32']:.3f}" for task, value in variant.quality.items() if value
        )
        console.print(
            f"  {variant.id:<10} {len(variant.pattern):>2} blocks  {shown or 'quality null'}"
        )
    console.print(f"exported: {out}   (look: otmv inspect {out})")


@contextmanager
def progress(console: Console) -> Iterator[Report]:
    """Show what is being done and the share of it that is."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        yield report


def say_parity(console: Console, manifest: Manifest) -> None:
    """Say how far the worst graph is from its model."""
    worst = max(record.relative_l2 for record in manifest.parity)
    console.print(f"parity: {len(manifest.parity)} graphs, worst relative L2 {worst:.1e}")


def _splits(data: Path | None, pictures: int) -> Splits:
    """Draw (or read) the examples the ladder is searched on, reported on, and kept as golden."""
    from exporters.export import Splits
    from tuning.recipe import LADDER_SEED, QUALITY_SEED
    from tuning.world.dataset import write_world

    with tempfile.TemporaryDirectory() as folder:
        search, report = Path(folder) / "search", Path(folder) / "report"
        write_world(search, SEARCH_PICTURES, LADDER_SEED, statements_per_pair=SEARCH_STATEMENTS)
        if data is None:
            write_world(report, pictures, QUALITY_SEED)
            name = f"generated world, seed {QUALITY_SEED}, {pictures} pictures"
        else:
            report, name = data, f"world {data.name}"
        asked, told, judged = _examples(search)
        golden = [
            *asked[:GOLDEN_QUESTIONS],
            *told[:GOLDEN_CAPTIONS],
            *judged[:GOLDEN_STATEMENTS],
        ]
        names = (f"generated world, seed {LADDER_SEED}, {SEARCH_PICTURES} pictures", name)
        searched = [*asked, *told, *judged[::3]]
        return Splits(
            searched, [e for of_task in _examples(report) for e in of_task], golden, names
        )


def _examples(world: Path) -> tuple[list[Example], list[Example], list[Example]]:
    """Read a world's questions, captions and statements."""
    from exporters.examples import Example
    from tuning.world.dataset import read_captions, read_pairs, read_vqa

    files: dict[str, bytes] = {}

    def image(name: str) -> bytes:
        return files.setdefault(name, (world / name).read_bytes())

    asked = [
        Example(image(r.image), "vqa", question=r.question, answers=(r.answer,))
        for r in read_vqa(world)
    ]
    told = [
        Example(image(r.image), "caption", caption=r.caption, phrases=tuple(r.objects))
        for r in read_captions(world)
    ]
    judged = [
        Example(
            image(r.left),
            "reason",
            right_image=image(r.right),
            statement=r.statement,
            truth=r.truth,
        )
        for r in read_pairs(world)
    ]
    return asked, told, judged


def _depths(text: str | None) -> tuple[int, ...] | None:
    try:
        return None if text is None else tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"--depths {text}: whole numbers and commas, as in 3,6,9,12") from None


def _card(checkpoint: Checkpoint) -> str:
    from exporters.card import model_card

    return model_card(checkpoint)
