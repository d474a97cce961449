"""`otmv inspect`: show what an artifact holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import fail, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from artifact.config import Precision
    from artifact.manifest import ChainRecord, Manifest, VariantRecord
    from artifact.store import Artifact

app = typer.Typer()


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
        fail(str(error))
    show(model_table(opened, verify))
    show(stage_table(opened))
    show(variant_table(opened.manifest))
    if any(variant.agreement for variant in opened.manifest.variants):
        show(agreement_table(opened.manifest))
    if opened.manifest.adapted:
        show(adapted_table(opened.manifest))
    show(parity_table(opened.manifest))


def model_table(artifact: Artifact, verified: bool) -> Table:
    """Return the model's shape and the artifact's origin."""
    manifest = artifact.manifest
    config = manifest.config
    size = sum(record.size_bytes for record in manifest.files.values())
    rows = {
        "model": f"{config.name}, width {config.width}, {config.heads} heads, "
        f"{config.picture_sizes} in patches of {config.patch_size}",
        "tasks": ", ".join(manifest.tasks),
        "domain": "not recorded" if manifest.domain is None else manifest.domain.line,
        "orders": f"{config.orders} over {config.keys} key blocks, "
        f"readout {config.readout}, skip probability {config.skip_probability:g}",
        "keys": ", ".join(
            f"{g}: orders {_span(config.orders_of_key(g))}" for g in range(config.keys)
        ),
        "files": f"{len(manifest.files)}, {size / 1e6:.1f} MB"
        + (", checksums right" if verified else ", checksums not checked"),
        "hash": artifact.short_hash,
        "schema": str(manifest.schema_version),
        "toolchain": ", ".join(f"{k} {v}" for k, v in manifest.toolchain.items()) or "not recorded",
    }
    if manifest.ladder is not None:
        ladder = manifest.ladder
        rows["ladder"] = f"{ladder.search} on {ladder.split}, {ladder.evaluations} evaluations"
        if ladder.chain is not None:
            rows["chain"] = _chain_cost(ladder.chain)
    if manifest.splits is not None:
        rows["quality"] = f"on {manifest.splits.reported}, which chose nothing"
    shown = table(manifest.name, ("", ""), rows=rows.items())
    shown.show_header = False
    return shown


def _chain_cost(chain: ChainRecord) -> str:
    """Say where a free pattern of the same depth is better by most."""
    costs = ((cost, stop.variant, task) for stop in chain.stops for task, cost in stop.cost.items())
    most, variant, task = max(costs)
    return f"costs at most {100 * max(0.0, most):.1f} points at equal depth ({variant}, {task})"


def _span(orders: tuple[int, ...]) -> str:
    return str(orders[0]) if len(orders) == 1 else f"{orders[0]}-{orders[-1]}"


def stage_table(artifact: Artifact) -> Table:
    """Return the stages with the bytes of their graphs and of the weights they use."""
    sizes = artifact.tensor_bytes()
    manifest = artifact.manifest
    rows = []
    for name, stage in manifest.stages.items():
        weights = sum(sizes.get(tensor, 0) for tensor in stage.initializers)
        graph = manifest.files[stage.file].size_bytes
        rows.append((name, stage.file, f"{graph / 1e3:.1f} kB", f"{weights / 1e6:.3f} MB"))
    caption = f"{sum(sizes.values()) / 1e6:.3f} MB of weights on disk; each tensor once"
    return table("stages", ("stage", "file"), ("graph", "weights"), rows, caption)


def variant_table(manifest: Manifest) -> Table:
    """Return the variants: pattern (a filled dot is an executed order), quality, parameters."""
    from artifact.task import VQA

    counted = VQA.name if VQA.name in manifest.tasks else manifest.tasks[0]
    costs = ("M stored", "M run", f"{counted} GFLOPs".replace("_", " "))
    rows = [
        (
            variant.id,
            draw_pattern(manifest, variant),
            *(_quality(variant, task) for task in manifest.tasks),
            f"{variant.unique_parameters / 1e6:.3f}",
            f"{variant.executed_parameters / 1e6:.3f}",
            _giga(variant.flops.get(counted)),
        )
        for variant in manifest.variants
    ]
    sources = {variant.quality_source or "never measured" for variant in manifest.variants}
    caption = "M: millions of parameters (unique, executed); quality: "
    caption += "; ".join(sorted(sources))
    headings = (*(f"{task} quality".replace("_", " ") for task in manifest.tasks), *costs)
    shown = table("variants", ("variant", "pattern"), headings, rows, caption)
    pattern = shown.columns[1]  # it reads as one picture, so it is never broken
    pattern.no_wrap, pattern.min_width = True, max((len(row[1]) for row in rows), default=0)
    return shown


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
    return _by_precision(variant.quality.get(task, {}))


def _by_precision(shares: Mapping[Precision, float | None]) -> str:
    found = [
        f"{value:.4f}" + ("" if precision == "fp32" else f" {precision}")
        for precision, value in shares.items()
        if value is not None
    ]
    return "\n".join(found) or "-"


def agreement_table(manifest: Manifest) -> Table:
    """Return the share of answers that are those of the deepest variant."""
    rows = [
        (variant.id, *(_by_precision(variant.agreement.get(task, {})) for task in manifest.tasks))
        for variant in manifest.variants
    ]
    caption = f"share of answers that are those of {manifest.deepest}: same best label, same text"
    return table("agreement", ("variant",), manifest.tasks, rows, caption)


def adapted_table(manifest: Manifest) -> Table:
    """Return what each adapted form has room for (ADR 0036)."""
    rows = [
        (str(number), ", ".join(f"{hook} {rank}" for hook, rank in form.capacity.ranks.items()))
        for number, form in enumerate(manifest.adapted)
    ]
    caption = "largest rank at each hook; the first form with room for all loaded adapters runs"
    return table("room for adapters", ("form", "hooks"), (), rows, caption)


def parity_table(manifest: Manifest) -> Table:
    """Return the exporter's parity records: relative L2 against torch."""
    rows = [
        (record.stage, record.backend, record.precision, f"{record.relative_l2:.1e}")
        for record in manifest.parity
    ]
    caption = None if rows else "no records"
    left, right = ("stage", "backend", "precision"), ("relative L2",)
    return table("parity at export", left, right, rows, caption)


def _giga(flops: int | None) -> str:
    return "-" if flops is None else f"{flops / 1e9:.3f}"
