"""A checkpoint that was made of an artifact's, exported with the same variants."""

from __future__ import annotations

from pathlib import Path

from artifact.adapters.record import AdapterRecord
from artifact.stage import stage_name
from artifact.store import Artifact
from exporters.export import ExportOptions, export
from exporters.graphs.tracing import Report
from exporters.quality import KnownQuality
from models.checkpoint import Checkpoint


def export_again(
    checkpoint: Checkpoint, like: Artifact, adapter: AdapterRecord, out: Path, report: Report
) -> Artifact:
    """Write an artifact with an adapter in its weights; nothing is left behind on failure.

    Quality is what the adapter's record says, of its tasks, where it knows every variant: what the
    base reached is no longer true.

    Args:
        checkpoint: what is exported.
        like: the artifact it was made of.
        adapter: what went into its weights.
        out: folder to make; must not exist.
        report: progress.

    Raises:
        ArtifactError, ParityError: as `export`.
    """
    manifest = like.manifest
    patterns = tuple(manifest.pattern(variant.id) for variant in manifest.variants)
    whole = any(stage_name(name).is_whole for name in manifest.stages)
    scores = {}
    for task in adapter.tasks:
        found = {
            variant.id: adapter.quality_of(variant.pattern, task, "fp32")
            for variant in manifest.variants
        }
        known = {variant: score for variant, score in found.items() if score is not None}
        if len(known) == len(found):
            scores[task] = known
    options = ExportOptions(
        whole="all" if whole else "none",
        patterns=patterns,
        known=KnownQuality(scores, adapter.quality_source or "") if scores else None,
    )
    return export(checkpoint, out, None, options, report)
