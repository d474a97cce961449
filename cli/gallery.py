"""`otmv export --methods`: Table 4's methods side by side in one artifact (ADR 0022)."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from artifact.config import ModelConfig
from cli.export_ import progress, say_parity
from exporters.gallery import export_gallery
from models.comparators.methods import METHODS
from tuning.tokens import world_tokenizer


def export_methods(console: Console, base: ModelConfig, methods: str, out: Path) -> None:
    """Export a gallery and say what is in it.

    Args:
        console: for progress and the summary.
        base: what is fully fine-tuned.
        methods: "all", or ids with commas between them.
        out: folder to make.

    Raises:
        ArtifactError, ParityError, ValueError: as `export_gallery`.
    """
    chosen = tuple(METHODS) if methods == "all" else tuple(methods.split(","))
    with progress(console) as report:
        artifact = export_gallery(base, world_tokenizer(), chosen, out, report)
    manifest = artifact.manifest
    say_parity(console, manifest)
    for variant in manifest.variants:
        millions = variant.unique_parameters / 1e6
        console.print(
            f"  {variant.id:<12} {len(variant.pattern):>2} blocks  {millions:6.1f} M parameters"
        )
    console.print(f"exported: {out}   (look: otmv inspect {out})")
