from __future__ import annotations

from tuning.pool import QUESTION_TOKENS, PicturePool
from tuning.tasks.vqa import vqa_batch
from tuning.tokens import SPECIAL, world_tokenizer
from tuning.world.questions import KINDS

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


def test_kinds_are_drawn_by_their_shares(pool: PicturePool) -> None:
    for kind, found in enumerate(pool.of_kind):
        shares = [float(each == kind) for each in range(len(KINDS))]
        if not len(found):
            continue
        batch = vqa_batch(pool, 0, 0, 64, shares)
        asked = pool.answers.ravel()[found]
        assert set(batch.labels.tolist()) <= set(asked.tolist())
    assert sum(len(found) for found in pool.of_kind) == pool.answers.size


def test_a_batch_is_fixed_by_seed_and_step(pool: PicturePool) -> None:
    first, again = (vqa_batch(pool, 0, 7, 8) for _ in range(2))
    assert all(
        bool((a == b).all())
        for a, b in zip(vars(first).values(), vars(again).values(), strict=True)
    )
    for seed, step in ((0, 8), (1, 7)):
        other = vqa_batch(pool, seed, step, 8)
        assert other.tokens.shape != first.tokens.shape or bool(
            (other.tokens != first.tokens).any()
        )


def test_questions_are_trimmed_to_the_longest(pool: PicturePool) -> None:
    batch = vqa_batch(pool, 0, 0, 8)
    assert bool((batch.mask == (batch.tokens != PAD)).all())
    assert int(batch.mask.sum(1).max()) == batch.tokens.shape[1] <= QUESTION_TOKENS
