"""`otmv export --methods`: Table 4's methods side by side in one artifact (ADR 0022)."""

from __future__ import annotations

from pathlib import Path

from artifact.config import ModelConfig
from cli.commands.export.summary import note_exported
from cli.console import share_progress
from exporters.gallery import export_gallery
from models.comparators.methods import METHODS
from tuning.tokens import world_tokenizer


def export_methods(base: ModelConfig, methods: str, out: Path) -> None:
    """Export a gallery and print what is in it.

    Args:
        base: what is fully fine-tuned.
        methods: "all", or ids with commas between them.
        out: folder to make.

    Raises:
        ArtifactError, ParityError, ValueError: as `export_gallery`.
    """
    chosen = tuple(METHODS) if methods == "all" else tuple(methods.split(","))
    with share_progress() as report:
        artifact = export_gallery(base, world_tokenizer(), chosen, out, report)
    manifest = artifact.manifest
    sizes = (f"{each.unique_parameters / 1e6:6.1f} M parameters" for each in manifest.variants)
    note_exported(manifest, sizes, out)
