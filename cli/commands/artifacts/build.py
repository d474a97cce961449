"""`otmv build`: TensorRT plans of an artifact's stages, into the cache folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from artifact.errors import how_to_install
from cli.console import fail, first_line, say, share_progress, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from artifact.plan import PlanLibrary
    from artifact.store import Artifact
    from exporters.tensorrt.build import BuildOptions, StagePlan
    from exporters.tensorrt.library import PlanBuilder

app = typer.Typer()

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `otmv export`.")]
_LibraryName = Annotated[
    Literal["tensorrt", "tensorrt-rtx"] | None,
    typer.Option(help="What builds; none: the one installed."),
]
_Arch = Annotated[
    str | None, typer.Option(help="GPU, as sm_89, or portable; none: this machine's.")
]
_Precision = Annotated[
    Literal["fp32", "bf16", "fp16"], typer.Option(help="Of the matrix products.")
]
_Stages = Annotated[
    str, typer.Option(help="served (what the engine loads), all, or names and commas.")
]
_MaxBatch = Annotated[
    int | None, typer.Option(help="Most rows of a call; none: the artifact's largest.", min=1)
]
_WorkspaceMb = Annotated[
    int, typer.Option(help="GPU memory a kernel may use beside weights.", min=1)
]
_Cache = Annotated[Path | None, typer.Option(help="Instead of ~/.cache/otmv.")]


@app.command()
def build(
    artifact: _Folder,
    library: _LibraryName = None,
    arch: _Arch = None,
    precision: _Precision = "fp32",
    stages: _Stages = "served",
    max_batch: _MaxBatch = None,
    workspace_mb: _WorkspaceMb = 1024,
    cache: _Cache = None,
) -> None:
    """Build TensorRT plans of DIR into the cache folder, one per stage; only what has changed.

    tensorrt builds on the GPU itself; tensorrt-rtx builds ahead of time, without one.

    [bold]otmv build examples/demo-artifact --precision fp16[/bold]

    [bold]otmv build examples/demo-artifact --library tensorrt-rtx --arch sm_89 --stages all[/bold]
    """
    try:
        from exporters.tensorrt.build import BuildOptions
    except ModuleNotFoundError as error:
        fail(f"building plans needs {error.name}: {how_to_install('tensorrt-rtx')}")
    from engine.config import default_cache_dir

    with _one_line_errors():
        opened, chosen = _opened(artifact, library)
        options = BuildOptions(
            arch=arch or chosen.archs[0],
            precision=precision,
            max_batch=max_batch or opened.manifest.buckets.batches[-1],
            cache_dir=cache or default_cache_dir(),
            workspace_bytes=workspace_mb * 1_000_000,
        )
        done = _run(opened, chosen, stages, options)
    show(_table(done))
    target = f"{chosen.name} {chosen.version}, {options.arch}, {precision}"
    say(f"{target}: {options.cache_dir / 'plans'}")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """End with one line if an artifact, a plan or the cache folder cannot be used."""
    from artifact.errors import ArtifactError
    from exporters.tensorrt.errors import BuildError

    try:
        yield
    except (ArtifactError, BuildError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights of the cache folder)")


def _opened(folder: Path, library: PlanLibrary | None) -> tuple[Artifact, PlanBuilder]:
    from artifact.store import open_artifact

    return open_artifact(folder), _library(library)


def _library(name: PlanLibrary | None) -> PlanBuilder:
    """Open the library asked for, else the one that is there."""
    from engine.backends.cuda.driver import device_arch
    from exporters.tensorrt.errors import LibraryMissing
    from exporters.tensorrt.library import installed, open_library

    found = installed()
    if name is None and not found:
        raise LibraryMissing.both()
    if name is None:  # without a GPU only one of them builds
        name = "tensorrt" if device_arch() and "tensorrt" in found else found[-1]
    return open_library(name)


def _run(
    artifact: Artifact, library: PlanBuilder, stages: str, options: BuildOptions
) -> list[StagePlan]:
    from exporters.tensorrt.build import build_plans, chosen_stages

    wanted = chosen_stages(artifact, [name.strip() for name in stages.split(",")])
    with share_progress() as report:
        return build_plans(artifact, library, wanted, options, report)


def _table(done: list[StagePlan]) -> Table:
    rows = [
        (one.stage, one.outcome, f"{one.record.build_s:.1f}", _mb(one.record.size_bytes))
        for one in done
    ]
    total = ("all", "", "", _mb(sum(one.record.size_bytes for one in done)))
    return table("plans", ("stage", "outcome"), ("build, s", "MB"), [*rows, total])


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}"
