"""Made-up results of a search."""

from __future__ import annotations

from artifact.pattern import SkipPattern
from exporters.ladder.search import Ladder


def ladder(qualities: dict[str, float], spine: str) -> Ladder:
    """Return a ladder from patterns written in bits, and its own pattern."""
    quality = {SkipPattern.from_bits(bits): value for bits, value in qualities.items()}
    return Ladder(SkipPattern.from_bits(spine), quality, len(quality), 0.0, 40)
