"""`otmv profile`: measure an artifact's latency profile on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from artifact.store import Artifact
    from engine.config import EngineConfig
    from engine.opening import OpenedEngine

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def profile(
    artifact: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `otmv export`.")],
    backend: Annotated[
        str, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")
    ] = "onnxruntime",
    max_batch: Annotated[int, typer.Option(help="Largest batch to measure.", min=1)] = 8,
    threads: Annotated[int, typer.Option(help="0: every core.", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="Stop measuring after this.", min=0.1)] = 30.0,
    cache: Annotated[Path | None, typer.Option(help="Instead of ~/.cache/otmv.")] = None,
) -> None:
    """Measure the stages of DIR here and cache the times; a server does so at its first start.

    [bold]otmv profile examples/demo-artifact[/bold]
    """
    from artifact.errors import ArtifactError
    from artifact.store import open_artifact
    from engine.config import EngineConfig, default_cache_dir
    from engine.errors import EngineError

    config = EngineConfig(
        backend=backend,
        max_batch=max_batch,
        threads=threads,
        profile_limit_s=seconds,
        cache_dir=cache or default_cache_dir(),
    )
    try:
        opened = _measure(open_artifact(artifact), config)
    except (ArtifactError, EngineError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    console = Console()
    console.print(stage_times(opened, max_batch))
    console.print(variant_times(opened, max_batch))
    opened.stages.close()


def _measure(artifact: Artifact, config: EngineConfig) -> OpenedEngine:
    from engine.auto import open_chosen

    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("opening", total=1.0)
        return open_chosen(
            artifact,
            config,
            lambda what, share: progress.update(bar, description=escape(what), completed=share),
            measure_again=True,
        )


def stage_times(opened: OpenedEngine, max_batch: int) -> Table:
    """Return mean milliseconds and measured bytes per stage at its largest bucket."""
    table = Table(title=f"stages on {opened.profile.machine}", title_style="bold")
    table.add_column("stage")
    for title in ("bucket", "batch 1, ms", f"batch {max_batch}, ms", "resident, MB"):
        table.add_column(title, justify="right")
    for stage, by_bucket in opened.profile.curves.items():
        bucket = max(by_bucket)
        times = [opened.profile.predict_s(stage, bucket, batch) * 1e3 for batch in (1, max_batch)]
        table.add_row(
            escape(stage),
            str(bucket) if bucket else "-",
            *(f"{time_ms:.3f}" for time_ms in times),
            f"{opened.stages.bytes_of(stage) / 1e6:.1f}",
        )
    shared_mb = opened.stages.workspace_bytes / 1e6
    table.caption = escape(
        f"{opened.profile.library} ({opened.reason}); workspace of all stages {shared_mb:.1f} MB"
    )
    return table


def variant_times(opened: OpenedEngine, max_batch: int) -> Table:
    """Return predicted milliseconds and bytes per variant."""
    from engine.prediction import Predictor

    predictor = Predictor(opened.profile, opened.family, max_batch)
    bucket = opened.family.manifest.buckets.text_lengths[-1]
    table = Table(title="variants", title_style="bold")
    table.add_column("task")
    table.add_column("variant")
    for title in ("batch 1, ms", f"batch {max_batch}, ms", "resident, MB"):
        table.add_column(title, justify="right")
    for member in opened.family.members.values():
        size = opened.stages.variant_bytes(member)
        times = [
            predictor.mean_s(member.task, member.variant, bucket, batch) * 1e3
            for batch in (1, max_batch)
        ]
        row = (*(f"{time_ms:.2f}" for time_ms in times), f"{size / 1e6:.1f}")
        table.add_row(member.task, member.variant, *row)
    table.caption = "captions at their full length"
    return table
