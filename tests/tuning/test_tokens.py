from __future__ import annotations

from tuning.pool import CAPTION_TOKENS, QUESTION_TOKENS
from tuning.recipe import QUALITY_SEED, TUNING_SEED
from tuning.tokens import SPECIAL, world_tokenizer
from tuning.world.dataset import MAX_STATEMENTS, example, pair
from tuning.world.vocabulary import WORDS

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


def test_special_tokens_come_first() -> None:
    assert [TOKENIZER.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3, 4]
    assert TOKENIZER.get_vocab_size() == len(SPECIAL) + len(WORDS)


def test_the_world_has_no_unknown_word() -> None:
    unknown = TOKENIZER.token_to_id("<unk>")
    for index in range(200):
        _, asked, caption = example(QUALITY_SEED, index, 6)
        stated = [each.text for each in pair(QUALITY_SEED, index + 1, 4)]
        for text in (caption, *(each.question for each in asked), *stated):
            ids = TOKENIZER.encode(text).ids
            assert unknown not in ids, text
            assert TOKENIZER.decode(ids) == text


def test_nothing_is_longer_than_the_pool_allows() -> None:
    for index in range(300):
        _, asked, caption = example(TUNING_SEED, index, 8)
        assert len(TOKENIZER.encode(caption).ids) + 2 <= CAPTION_TOKENS
        stated = [each.text for each in pair(TUNING_SEED, index + 1, MAX_STATEMENTS)]
        for text in (*(each.question for each in asked), *stated):
            assert len(TOKENIZER.encode(text).ids) + 2 <= QUESTION_TOKENS


def test_case_and_spacing_do_not_matter() -> None:
    plain = TOKENIZER.encode("is there a red circle?").ids
    assert TOKENIZER.encode("  Is there a RED circle ?").ids == plain
