"""A real gallery of a few methods, small enough to be exported in a test."""

from __future__ import annotations

from pathlib import Path

from artifact.store import Artifact
from exporters.gallery import export_gallery
from tests.models.comparators.shapes import base
from tuning.tokens import world_tokenizer

GALLERY_METHODS = ("full", "vlpet", "otmv")
"""What is fully there, what has parts added, and what leaves orders out."""


def write_gallery(out: Path) -> Artifact:
    """Export it: every task, width 32, pictures of 8 px."""
    tokenizer = world_tokenizer()
    config = base(4, vocab_size=tokenizer.get_vocab_size())
    return export_gallery(config, tokenizer, GALLERY_METHODS, out, lambda what, share: None)
