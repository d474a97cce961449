"""What a caption costs."""

from __future__ import annotations

from artifact.pattern import SkipPattern
from exporters.accounting import block_flops
from exporters.tasks.caption import image_flops
from models.checkpoint import Checkpoint


def test_a_composed_image_pass_ends_its_last_block(checkpoint: Checkpoint) -> None:
    model, full = checkpoint.model, SkipPattern.full(4)
    composed, whole = (image_flops(model, full, composed) for composed in (True, False))
    assert composed - whole == block_flops(model.keys[1], 17, 17) - 2 * 17 * 3 * 32 * 32
