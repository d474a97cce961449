from __future__ import annotations

from tuning.pool import PicturePool
from tuning.tasks.caption import caption_batch
from tuning.tokens import SPECIAL, world_tokenizer

TOKENIZER = world_tokenizer()
PAD = SPECIAL.index("<pad>")


def test_captions_predict_the_next_word(pool: PicturePool) -> None:
    batch = caption_batch(pool, 0, 0, 8)
    assert bool((batch.words[:, 0] == TOKENIZER.token_to_id("<s>")).all())
    assert bool((batch.words[:, 1:] == batch.next_words[:, :-1]).all())
    assert batch.words.shape == batch.next_words.shape
