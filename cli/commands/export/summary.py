"""What is printed of a new artifact."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artifact.manifest import ChainRecord, Manifest
from cli.console import note


def note_exported(manifest: Manifest, facts: Iterable[str], out: Path) -> None:
    """Print how far the worst graph is from its model, a line per variant, and where it all lies.

    Args:
        manifest: of the new artifact.
        facts: of each variant, in the manifest's order.
        out: its folder.
    """
    worst = max(record.relative_l2 for record in manifest.parity)
    note(f"parity: {len(manifest.parity)} graphs, worst relative L2 {worst:.1e}")
    width = max(10, *(len(variant.id) for variant in manifest.variants))
    for variant, fact in zip(manifest.variants, facts, strict=True):
        note(f"  {variant.id:<{width}} {len(variant.pattern):>2} blocks  {fact}")
    note(f"exported: {out}   (look: otmv inspect {out})")


def note_chain(chain: ChainRecord) -> None:
    """Print by how many points a free pattern of the same depth is better than each stop."""
    note(f"what the chain costs, in points on {chain.split}:")
    for stop in chain.stops:
        costs = "  ".join(f"{task} {100 * cost:+.1f}" for task, cost in stop.cost.items())
        note(f"  {stop.variant:<10} {costs}")
