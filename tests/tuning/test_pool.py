from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tuning.pool
from tuning.batches import caption_batch, reason_batch, vqa_batch
from tuning.pool import CAPTION_TOKENS, QUESTION_TOKENS, Pool, render_pool
from tuning.recipe import CHOOSING_SEED, LADDER_SEED, QUALITY_SEED, TUNING_SEED, Recipe
from tuning.tokens import SPECIAL, world_tokenizer
from tuning.world.dataset import MAX_STATEMENTS, example, pair
from tuning.world.vocabulary import ANSWERS, WORDS

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


class TestPool:
    def test_shapes(self, pool: Pool, smoke: Recipe) -> None:
        side = smoke.config.image_size
        assert pool.pixels.shape == (16, side, side, 3)
        assert pool.pixels.dtype == np.uint8
        assert pool.questions.shape == (16, 4, QUESTION_TOKENS)
        assert pool.answers.shape == (16, 4)
        assert pool.captions.shape == (16, CAPTION_TOKENS)
        assert pool.statements.shape == (15, 4, QUESTION_TOKENS)
        assert pool.truths.shape == (15, 4)

    def test_it_holds_the_tuning_world(self, pool: Pool) -> None:
        _, asked, caption = example(TUNING_SEED, 5, 4)
        assert [ANSWERS[answer] for answer in pool.answers[5]] == [each.answer for each in asked]
        ids = pool.captions[5]
        words = [TOKENIZER.id_to_token(int(i)) for i in ids if i != PAD]
        assert words == ["<s>", *caption.replace(",", " ,").split(), "</s>"]

    def test_row_i_of_the_statements_is_about_pictures_i_and_the_next(self, pool: Pool) -> None:
        for left in (0, 6, 14):
            stated = pair(TUNING_SEED, left + 1, 4)
            assert [bool(truth) for truth in pool.truths[left]] == [each.truth for each in stated]
            texts = [TOKENIZER.decode(row.tolist()) for row in pool.statements[left]]
            assert texts == [each.text for each in stated]

    def test_the_cache_is_read_back(
        self, pool: Pool, smoke: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tuning.pool, "_render", None)
        again = render_pool(TUNING_SEED, 16, 4, smoke.config.image_size, cache)
        for name in vars(again):
            assert np.array_equal(getattr(pool, name), getattr(again, name))
        assert not list(cache.glob("*.tmp*"))

    def test_another_pool_is_another_file(
        self, pool: Pool, smoke: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tuning.pool, "_render", lambda *_: pool)
        before = set(cache.iterdir())
        render_pool(LADDER_SEED, 16, 4, smoke.config.image_size, cache)
        assert len(set(cache.iterdir()) - before) == 1

    def test_the_seeds_are_never_mixed(self) -> None:
        assert len({TUNING_SEED, LADDER_SEED, CHOOSING_SEED, QUALITY_SEED}) == 4


class TestBatches:
    def test_kinds_are_drawn_by_their_shares(self, pool: Pool) -> None:
        for kind, found in enumerate(pool.of_kind):
            shares = [float(each == kind) for each in range(4)]
            if not len(found):
                continue
            batch = vqa_batch(pool, 0, 0, 64, PAD, shares)
            asked = pool.answers.ravel()[found]
            assert set(batch.answers.tolist()) <= set(asked.tolist())
        assert sum(len(found) for found in pool.of_kind) == pool.answers.size

    def test_a_batch_is_fixed_by_seed_and_step(self, pool: Pool) -> None:
        first, again = (vqa_batch(pool, 0, 7, 8, PAD) for _ in range(2))
        assert all(
            bool((a == b).all())
            for a, b in zip(vars(first).values(), vars(again).values(), strict=True)
        )
        for seed, step in ((0, 8), (1, 7)):
            other = vqa_batch(pool, seed, step, 8, PAD)
            assert other.tokens.shape != first.tokens.shape or bool(
                (other.tokens != first.tokens).any()
            )

    def test_questions_are_trimmed_to_the_longest(self, pool: Pool) -> None:
        batch = vqa_batch(pool, 0, 0, 8, PAD)
        assert bool((batch.mask == (batch.tokens != PAD)).all())
        assert int(batch.mask.sum(1).max()) == batch.tokens.shape[1] <= QUESTION_TOKENS

    def test_captions_predict_the_next_word(self, pool: Pool) -> None:
        batch = caption_batch(pool, 0, 0, 8, PAD)
        assert bool((batch.words[:, 0] == TOKENIZER.token_to_id("<s>")).all())
        assert bool((batch.words[:, 1:] == batch.next_words[:, :-1]).all())
        assert batch.words.shape == batch.next_words.shape

    def test_a_statement_comes_with_its_two_pictures_and_its_truth(self, pool: Pool) -> None:
        batch = reason_batch(pool, 0, 3, 32, PAD)
        assert batch.pixels.shape == (32, 2, *pool.pixels.shape[1:])
        assert bool((batch.mask == (batch.tokens != PAD)).all())
        assert int(batch.mask.sum(1).max()) == batch.tokens.shape[1]
        for pixels, tokens, truth in zip(batch.pixels, batch.tokens, batch.truths, strict=True):
            left = int(np.flatnonzero((pool.pixels == pixels[0].numpy()).all((1, 2, 3)))[0])
            assert np.array_equal(pixels[1], pool.pixels[left + 1])
            same = (pool.statements[left, :, : len(tokens)] == tokens.numpy()).all(1)
            assert same.any()
            assert int(truth) in pool.truths[left][same]

    def test_a_batch_of_statements_is_fixed_by_seed_and_step(self, pool: Pool) -> None:
        first, again = (reason_batch(pool, 0, 7, 16, PAD) for _ in range(2))
        assert bool((first.tokens == again.tokens).all() and (first.pixels == again.pixels).all())
        other = reason_batch(pool, 0, 8, 16, PAD)
        assert bool((first.pixels != other.pixels).any())


class TestTokenizer:
    def test_special_tokens_come_first(self) -> None:
        assert [TOKENIZER.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3, 4]
        assert TOKENIZER.get_vocab_size() == len(SPECIAL) + len(WORDS)

    def test_the_world_has_no_unknown_word(self) -> None:
        unknown = TOKENIZER.token_to_id("<unk>")
        for index in range(200):
            _, asked, caption = example(QUALITY_SEED, index, 6)
            stated = [each.text for each in pair(QUALITY_SEED, index + 1, 4)]
            for text in (caption, *(each.question for each in asked), *stated):
                ids = TOKENIZER.encode(text).ids
                assert unknown not in ids, text
                assert TOKENIZER.decode(ids) == text

    def test_nothing_is_longer_than_the_pool_allows(self) -> None:
        for index in range(300):
            _, asked, caption = example(TUNING_SEED, index, 8)
            assert len(TOKENIZER.encode(caption).ids) + 2 <= CAPTION_TOKENS
            stated = [each.text for each in pair(TUNING_SEED, index + 1, MAX_STATEMENTS)]
            for text in (*(each.question for each in asked), *stated):
                assert len(TOKENIZER.encode(text).ids) + 2 <= QUESTION_TOKENS

    def test_case_and_spacing_do_not_matter(self) -> None:
        plain = TOKENIZER.encode("is there a red circle?").ids
        assert TOKENIZER.encode("  Is there a RED circle ?").ids == plain
