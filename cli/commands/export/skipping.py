"""The variants of a DAS checkpoint, which its tuning has found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artifact.pattern import SkipPattern
    from models.checkpoint import Checkpoint


def found_by_das(
    checkpoint: Checkpoint, folder: Path, chain: bool
) -> tuple[SkipPattern, ...] | None:
    """Return the variants of a DAS checkpoint: those that it was tuned for; None: it is none.

    Raises:
        ValueError: its search has not ended, or a chain is asked for.
    """
    config = checkpoint.model.config
    if config.skipping is None:
        return None
    found = config.skipping.patterns(config.orders)
    if not found:
        raise ValueError(f"the search in {folder} has not ended: run its otmv tune to the end")
    if chain:
        raise ValueError("--chain is for searched ladders; DAS has found the variants: take it out")
    return found
