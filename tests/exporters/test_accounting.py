from __future__ import annotations

from artifact.pattern import SkipPattern
from exporters.accounting import block_flops, parameters, row_flops
from models.checkpoint import Checkpoint


def test_full_pattern_counts_every_parameter_once(checkpoint: Checkpoint) -> None:
    model = checkpoint.model
    unique, executed = parameters(model, SkipPattern.full(4))
    assert unique == sum(p.numel() for p in model.parameters())
    shared = sum(p.numel() for layer in model.keys[0].qkv for p in layer.parameters())
    assert executed > unique + shared


def test_a_variant_inside_the_first_key_needs_no_second(checkpoint: Checkpoint) -> None:
    model = checkpoint.model
    one, two = (parameters(model, SkipPattern((0, 1, 2, 3)[:n], 4))[0] for n in (2, 3))
    matrices = sum(
        p.numel()
        for name, p in model.keys[1].named_parameters()
        if "norm" not in name and name != "coefficient"
    )
    assert two - one > matrices


def test_one_order_twice_executes_its_matrices_twice(checkpoint: Checkpoint) -> None:
    unique, executed = parameters(checkpoint.model, SkipPattern((0, 1), 4))
    key = checkpoint.model.keys[0]
    matrices = sum(
        p.numel()
        for name, p in key.named_parameters()
        if "norm" not in name and name != "coefficient"
    )
    assert executed - unique == matrices


def test_flops_of_a_block_by_hand(checkpoint: Checkpoint) -> None:
    model = checkpoint.model  # width 32, feed-forward 128, picture 17 tokens
    per_token = 2 * (4 * 32 * 32 + 2 * 32 * 128)
    scores_and_mix = 2 * 2 * 10 * 32
    assert block_flops(model.keys[0], 10, 10) == 10 * (per_token + scores_and_mix)
    deep = row_flops(model, SkipPattern.full(4), 17, 8)
    shallow = row_flops(model, SkipPattern((0, 1), 4), 17, 8)
    assert deep - shallow == 2 * block_flops(model.keys[0], 25, 25)
