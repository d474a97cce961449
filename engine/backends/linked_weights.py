"""Artifacts whose weights, or graphs, are links to other folders; libraries follow none."""

from __future__ import annotations

from pathlib import Path

from artifact.manifest import WEIGHTS_NAME


def linked_weights(graph: Path) -> Path | None:
    """Return the weights beside a graph if following links leads them elsewhere, else None."""
    weights = graph.with_name(WEIGHTS_NAME)
    beside = graph.resolve().with_name(WEIGHTS_NAME)
    return weights if weights.is_file() and weights.resolve() != beside else None
