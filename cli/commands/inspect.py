"""`otmv inspect`: show what an artifact holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from artifact.manifest import Manifest, VariantRecord
    from artifact.store import Artifact

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def inspect(
    artifact: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `otmv export`.")],
    verify: Annotated[bool, typer.Option(help="Check the SHA-256 of every file.")] = True,
) -> None:
    """Show the model, the stages, the variants and the parity records of the artifact in DIR.

    [bold]otmv inspect examples/demo-artifact[/bold]
    """
    from artifact.errors import ArtifactError
    from artifact.store import open_artifact

    try:
        opened = open_artifact(artifact, verify)
    except ArtifactError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    console = Console()
    console.print(model_table(opened, verify))
    console.print(stage_table(opened))
    console.print(variant_table(opened.manifest))
    console.print(parity_table(opened.manifest))


def model_table(artifact: Artifact, verified: bool) -> Table:
    """Return the model's shape and the artifact's origin."""
    manifest = artifact.manifest
    config = manifest.config
    size = sum(record.size_bytes for record in manifest.files.values())
    rows = {
        "model": f"{config.name}, width {config.width}, {config.heads} heads, "
        f"{config.image_size} px in patches of {config.patch_size}",
        "tasks": ", ".join(manifest.tasks),
        "orders": f"{config.orders} over {config.keys} key blocks, "
        f"readout {config.readout}, skip probability {config.skip_probability:g}",
        "keys": ", ".join(
            f"{g}: orders {_span(config.orders_of_key(g))}" for g in range(config.keys)
        ),
        "files": f"{len(manifest.files)}, {size / 1e6:.1f} MB"
        + (", checksums right" if verified else ", checksums not checked"),
        "hash": artifact.hash[:16],
        "schema": str(manifest.schema_version),
        "toolchain": ", ".join(f"{k} {v}" for k, v in manifest.toolchain.items()) or "not recorded",
    }
    if manifest.ladder is not None:
        ladder = manifest.ladder
        rows["ladder"] = f"{ladder.search} on {ladder.split}, {ladder.evaluations} evaluations"
    table = Table(title=escape(manifest.name), show_header=False, title_style="bold")
    for name, value in rows.items():
        table.add_row(name, escape(value))
    return table


def _span(orders: tuple[int, ...]) -> str:
    return str(orders[0]) if len(orders) == 1 else f"{orders[0]}-{orders[-1]}"


def stage_table(artifact: Artifact) -> Table:
    """Return the stages with the bytes of their graphs and of the weights they use."""
    table = Table(title="stages", title_style="bold")
    table.add_column("stage")
    table.add_column("file")
    table.add_column("graph", justify="right")
    table.add_column("weights", justify="right")
    sizes = artifact.tensor_bytes()
    manifest = artifact.manifest
    for name, stage in manifest.stages.items():
        weights = sum(sizes.get(tensor, 0) for tensor in stage.initializers)
        graph = manifest.files[stage.file].size_bytes
        row = (name, stage.file, f"{graph / 1e3:.1f} kB", f"{weights / 1e6:.3f} MB")
        table.add_row(*map(escape, row))
    shared = sum(sizes.values())
    table.caption = f"{shared / 1e6:.3f} MB of weights on disk; each tensor once"
    return table


def variant_table(manifest: Manifest) -> Table:
    """Return the variants: pattern (a filled dot is an executed order), quality, parameters."""
    table = Table(title="variants", title_style="bold")
    table.add_column("variant")
    table.add_column("pattern", no_wrap=True)
    for task in manifest.tasks:
        table.add_column(f"{task} quality", justify="right")
    for title in ("M stored", "M run", "vqa GFLOPs"):
        table.add_column(title, justify="right")
    for variant in manifest.variants:
        flops = "-" if variant.flops_vqa is None else f"{variant.flops_vqa / 1e9:.3f}"
        table.add_row(
            variant.id,
            draw_pattern(manifest, variant),
            *(_quality(variant, task) for task in manifest.tasks),
            f"{variant.unique_parameters / 1e6:.3f}",
            f"{variant.executed_parameters / 1e6:.3f}",
            flops,
        )
    sources = {variant.quality_source or "never measured" for variant in manifest.variants}
    text = "M: millions of parameters (unique, executed); quality: "
    text += "; ".join(sorted(sources))
    table.caption = escape(text)
    return table


def draw_pattern(manifest: Manifest, variant: VariantRecord) -> str:
    """Return one dot per order, filled if executed; a space where the next key begins."""
    chosen = set(variant.pattern)
    key_of_order = manifest.config.key_of_order
    drawn = ""
    for order, key in enumerate(key_of_order):
        if order and key != key_of_order[order - 1]:
            drawn += " "
        drawn += "●" if order in chosen else "○"
    return drawn


def _quality(variant: VariantRecord, task: str) -> str:
    found = [
        f"{value:.4f}" + ("" if precision == "fp32" else f" {precision}")
        for name, qualities in variant.quality.items()
        for precision, value in qualities.items()
        if name == task and value is not None
    ]
    return "\n".join(found) or "-"


def parity_table(manifest: Manifest) -> Table:
    """Return the exporter's parity records: relative L2 against torch."""
    table = Table(title="parity at export", title_style="bold")
    for title in ("stage", "backend", "precision"):
        table.add_column(title)
    table.add_column("relative L2", justify="right")
    for record in manifest.parity:
        row = (record.stage, record.backend, record.precision, f"{record.relative_l2:.1e}")
        table.add_row(*map(escape, row))
    if not manifest.parity:
        table.caption = "no records"
    return table
