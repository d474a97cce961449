from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tuning.pool
from tuning.pool import CAPTION_TOKENS, QUESTION_TOKENS, PicturePool, render_pool
from tuning.recipe import CHOOSING_SEED, LADDER_SEED, QUALITY_SEED, TUNING_SEED, Recipe
from tuning.tokens import SPECIAL, world_tokenizer
from tuning.world.dataset import example, pair
from tuning.world.vocabulary import ANSWERS

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


def test_shapes(pool: PicturePool, smoke: Recipe) -> None:
    side = smoke.config.image_size
    assert pool.pixels.shape == (16, side, side, 3)
    assert pool.pixels.dtype == np.uint8
    assert pool.questions.shape == (16, 4, QUESTION_TOKENS)
    assert pool.answers.shape == (16, 4)
    assert pool.captions.shape == (16, CAPTION_TOKENS)
    assert pool.statements.shape == (15, 4, QUESTION_TOKENS)
    assert pool.truths.shape == (15, 4)


def test_it_holds_the_tuning_world(pool: PicturePool) -> None:
    _, asked, caption = example(TUNING_SEED, 5, 4)
    assert [ANSWERS[answer] for answer in pool.answers[5]] == [each.answer for each in asked]
    ids = pool.captions[5]
    words = [TOKENIZER.id_to_token(int(i)) for i in ids if i != PAD]
    assert words == ["<s>", *caption.replace(",", " ,").split(), "</s>"]


def test_row_i_of_the_statements_is_about_pictures_i_and_the_next(pool: PicturePool) -> None:
    for left in (0, 6, 14):
        stated = pair(TUNING_SEED, left + 1, 4)
        assert [bool(truth) for truth in pool.truths[left]] == [each.truth for each in stated]
        texts = [TOKENIZER.decode(row.tolist()) for row in pool.statements[left]]
        assert texts == [each.text for each in stated]


def test_the_cache_is_read_back(
    pool: PicturePool, smoke: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning.pool, "_render", None)
    again = render_pool(TUNING_SEED, 16, 4, smoke.config.image_size, cache)
    for name in vars(again):
        assert np.array_equal(getattr(pool, name), getattr(again, name))
    assert not list(cache.glob("*.tmp*"))


def test_another_pool_is_another_file(
    pool: PicturePool, smoke: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning.pool, "_render", lambda *_: pool)
    before = set(cache.iterdir())
    render_pool(LADDER_SEED, 16, 4, smoke.config.image_size, cache)
    assert len(set(cache.iterdir()) - before) == 1


def test_the_seeds_are_never_mixed() -> None:
    assert len({TUNING_SEED, LADDER_SEED, CHOOSING_SEED, QUALITY_SEED}) == 4
