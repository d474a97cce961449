"""`otmv build`: TensorRT plans of an artifact's stages, into the cache folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from artifact.plan import PlanLibrary
    from artifact.store import Artifact
    from exporters.tensorrt.build import Done, Options
    from exporters.tensorrt.library import Library

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

LibraryName = Literal["tensorrt", "tensorrt-rtx"]
PrecisionName = Literal["fp32", "bf16", "fp16"]


@app.command()
def build(
    artifact: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `otmv export`.")],
    library: Annotated[
        LibraryName | None, typer.Option(help="What builds; none: the one installed.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option(help="GPU, as sm_89, or portable; none: this machine's.")
    ] = None,
    precision: Annotated[PrecisionName, typer.Option(help="Of the matrix products.")] = "fp32",
    stages: Annotated[
        str, typer.Option(help="served (what the engine loads), all, or names and commas.")
    ] = "served",
    max_batch: Annotated[
        int | None, typer.Option(help="Most rows of a call; none: the artifact's largest.", min=1)
    ] = None,
    workspace_mb: Annotated[
        int, typer.Option(help="GPU memory a kernel may use beside weights.", min=1)
    ] = 1024,
    cache: Annotated[Path | None, typer.Option(help="Instead of ~/.cache/otmv.")] = None,
) -> None:
    """Build TensorRT plans of DIR into the cache folder, one per stage; only what has changed.

    tensorrt builds on the GPU itself; tensorrt-rtx builds ahead of time, without one.

      otmv build examples/demo-artifact --precision fp16

      otmv build examples/demo-artifact --library tensorrt-rtx --arch sm_89 --stages all
    """
    console = Console(stderr=True)
    try:
        from exporters.tensorrt.build import Options
        from exporters.tensorrt.errors import BuildError
    except ModuleNotFoundError as error:
        _fail(console, f"building plans needs {error.name}: pip install 'otmv-serve[tensorrt-rtx]'")
    from artifact.errors import ArtifactError
    from artifact.store import open_artifact
    from engine.config import default_cache_dir

    try:
        opened, chosen = open_artifact(artifact), _library(library)
        options = Options(
            arch=arch or chosen.archs[0],
            precision=precision,
            max_batch=max_batch or opened.manifest.buckets.batches[-1],
            cache_dir=cache or default_cache_dir(),
            workspace_bytes=workspace_mb * 1_000_000,
        )
        done = _run(console, opened, chosen, stages, options)
    except (ArtifactError, BuildError, ValueError) as error:
        _fail(console, str(error).splitlines()[0])
    except OSError as error:
        _fail(console, f"{error} (check free space and rights of the cache folder)")
    show = Console()
    show.print(_table(done))
    target = f"{chosen.name} {chosen.version}, {options.arch}, {precision}"
    where = f"{target}: {options.cache_dir / 'plans'}"
    show.print(where, markup=False, highlight=False, soft_wrap=True)


def _fail(console: Console, problem: str) -> NoReturn:
    console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def _library(name: PlanLibrary | None) -> Library:
    """Open the library asked for, else the one that is there."""
    from exporters.tensorrt.device import device_arch
    from exporters.tensorrt.errors import LibraryMissing
    from exporters.tensorrt.library import installed, open_library

    found = installed()
    if name is None and not found:
        raise LibraryMissing.both()
    if name is None:  # without a GPU only one of them builds
        name = "tensorrt" if device_arch() and "tensorrt" in found else found[-1]
    return open_library(name)


def _run(
    console: Console, artifact: Artifact, library: Library, stages: str, options: Options
) -> list[Done]:
    from exporters.tensorrt.build import build_plans, chosen_stages

    wanted = chosen_stages(artifact, [name.strip() for name in stages.split(",")])
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        return build_plans(
            artifact,
            library,
            wanted,
            options,
            lambda what, share: bar.update(task, description=escape(what), completed=share),
        )


def _table(done: list[Done]) -> Table:
    table = Table(title="plans", title_style="bold")
    table.add_column("stage")
    table.add_column("outcome")
    for name in ("build, s", "MB"):
        table.add_column(name, justify="right")
    for one in done:
        record = one.record
        row = (f"{record.build_s:.1f}", f"{record.size_bytes / 1e6:.1f}")
        table.add_row(escape(one.stage), one.outcome, *row)
    table.add_row("all", "", "", f"{sum(one.record.size_bytes for one in done) / 1e6:.1f}")
    return table
