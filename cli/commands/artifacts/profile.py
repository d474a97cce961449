"""`otmv profile`: measure an artifact's latency profile on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import fail, share_progress, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from artifact.store import Artifact
    from engine.config import EngineConfig
    from engine.opening.open import OpenedEngine

app = typer.Typer()

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `otmv export`.")]
_Backend = Annotated[str, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")]
_MaxBatch = Annotated[int, typer.Option(help="Largest batch to measure.", min=1)]
_Threads = Annotated[int, typer.Option(help="0: as many as pay.", min=0)]
_Seconds = Annotated[float, typer.Option(help="Stop measuring after this.", min=0.1)]
_Cache = Annotated[Path | None, typer.Option(help="Instead of ~/.cache/otmv.")]


@app.command()
def profile(
    artifact: _Folder,
    backend: _Backend = "onnxruntime",
    max_batch: _MaxBatch = 8,
    threads: _Threads = 0,
    seconds: _Seconds = 30.0,
    cache: _Cache = None,
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
        fail(str(error))
    show(stage_times(opened, max_batch))
    show(variant_times(opened, max_batch))
    opened.stages.close()


def _measure(artifact: Artifact, config: EngineConfig) -> OpenedEngine:
    from engine.opening.auto import open_chosen
    from engine.opening.threads import with_threads

    with share_progress() as report:
        counted = with_threads(artifact, config, measure_again=True)
        return open_chosen(artifact, counted, report, measure_again=True)


def stage_times(opened: OpenedEngine, max_batch: int) -> Table:
    """Return mean milliseconds and measured bytes per stage at its largest bucket."""
    rows = []
    for stage, by_bucket in opened.profile.curves.items():
        bucket = max(by_bucket)
        times = [opened.profile.predict_s(stage, bucket, batch) * 1e3 for batch in (1, max_batch)]
        resident_mb = opened.stages.bytes_of(stage) / 1e6
        rows.append(
            (
                stage,
                str(bucket) if bucket else "-",
                *(f"{time_ms:.3f}" for time_ms in times),
                f"{resident_mb:.1f}",
            )
        )
    workspace_mb = opened.stages.workspace_bytes / 1e6
    caption = f"{opened.profile.library} ({opened.reason}); "
    caption += f"workspace of all stages {workspace_mb:.1f} MB"
    title = f"stages on {opened.profile.machine}"
    return table(title, ("stage",), ("bucket", *_costs(max_batch)), rows, caption)


def _costs(max_batch: int) -> tuple[str, ...]:
    return ("batch 1, ms", f"batch {max_batch}, ms", "resident, MB")


def variant_times(opened: OpenedEngine, max_batch: int) -> Table:
    """Return predicted milliseconds and bytes per variant."""
    from engine.requests.prediction import Predictor

    predictor = Predictor(opened.profile, opened.family, max_batch)
    bucket = opened.family.manifest.buckets.text_lengths[-1]
    rows = []
    for member in opened.family.members.values():
        size = opened.stages.variant_bytes(member)
        times = [
            predictor.mean_s(member.task, member.variant, bucket, batch) * 1e3
            for batch in (1, max_batch)
        ]
        costs = (*(f"{time_ms:.2f}" for time_ms in times), f"{size / 1e6:.1f}")
        rows.append((member.task.name, member.variant, *costs))
    caption = "captions at their full length"
    return table("variants", ("task", "variant"), _costs(max_batch), rows, caption)
