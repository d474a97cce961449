from __future__ import annotations

import numpy as np

from tuning.pool import PicturePool
from tuning.tasks.reason import reason_batch
from tuning.tokens import SPECIAL, world_tokenizer

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


def test_a_statement_comes_with_its_two_pictures_and_its_truth(pool: PicturePool) -> None:
    batch = reason_batch(pool, 0, 3, 32)
    assert batch.pixels.shape == (32, 2, *pool.pixels.shape[1:])
    assert bool((batch.mask == (batch.tokens != PAD)).all())
    assert int(batch.mask.sum(1).max()) == batch.tokens.shape[1]
    for pixels, tokens, truth in zip(batch.pixels, batch.tokens, batch.labels, strict=True):
        left = int(np.flatnonzero((pool.pixels == pixels[0].numpy()).all((1, 2, 3)))[0])
        assert np.array_equal(pixels[1], pool.pixels[left + 1])
        same = (pool.statements[left, :, : len(tokens)] == tokens.numpy()).all(1)
        assert same.any()
        assert int(truth) in pool.truths[left][same]


def test_a_batch_of_statements_is_fixed_by_seed_and_step(pool: PicturePool) -> None:
    first, again = (reason_batch(pool, 0, 7, 16) for _ in range(2))
    assert bool((first.tokens == again.tokens).all() and (first.pixels == again.pixels).all())
    other = reason_batch(pool, 0, 8, 16)
    assert bool((first.pixels != other.pixels).any())
