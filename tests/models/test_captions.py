from __future__ import annotations

import pytest
import torch

from models.captions import SpecialTokens, masked_decoding_bias
from tests.models import tiny

SPECIAL = SpecialTokens(tiny.BOS, tiny.EOS, tiny.MASK)
PATTERNS = [(0,), (0, 1, 2, 3), (0, 2), (0, 3)]


@pytest.mark.parametrize("readout", ["series", "last"])
@pytest.mark.parametrize("keys", [1, 2])
@pytest.mark.parametrize("executed", PATTERNS)
def test_teacher_forcing_equals_cached_decoding(
    executed: tuple[int, ...], keys: int, readout: str
) -> None:
    model = tiny.model(tiny.config(keys, readout=readout))
    pixels, words = tiny.pixels(3), tiny.words(3, 7)
    words[:, 0] = tiny.BOS
    together = model.caption_logits(pixels, words, tiny.MASK, executed)
    cache = model.see(pixels, executed)
    for position in range(words.shape[1]):
        step = model.next_word(words[:, position], position, tiny.MASK, cache, executed)
        torch.testing.assert_close(step, together[:, position], rtol=1e-4, atol=1e-5)


def test_only_executed_orders_have_a_cache_and_it_grows_by_one_word_a_step() -> None:
    model = tiny.model(tiny.config())
    cache = model.see(tiny.pixels(2), (0, 2))
    assert set(cache) == {0, 2}
    nv = model.config.image_tokens
    for position in range(3):
        assert {k.shape for k, _ in cache.values()} == {(2, 2, nv + position, 8)}
        model.next_word(torch.tensor([5, 6]), position, tiny.MASK, cache, (0, 2))


def test_generate_takes_the_best_word_until_eos() -> None:
    model = tiny.model(tiny.config(), seed=3)
    pixels = tiny.pixels(4)
    written = model.generate(pixels, SPECIAL, range(4), max_new_tokens=8)
    words = torch.cat([torch.full((4, 1), tiny.BOS), written], dim=1)
    best = model.caption_logits(pixels, words[:, :-1], tiny.MASK, range(4)).argmax(-1)
    for row in range(4):
        ended = (written[row] == tiny.EOS).nonzero()
        length = int(ended[0]) + 1 if len(ended) else written.shape[1]
        assert torch.equal(written[row, :length], best[row, :length])
        assert bool((written[row, length:] == tiny.EOS).all())


def test_generate_ends_when_every_row_has_ended() -> None:
    model = tiny.model(tiny.config())
    model.heads["caption"].words.bias[tiny.EOS] = 1e4
    written = model.generate(tiny.pixels(2), SPECIAL, range(4), max_new_tokens=8)
    assert written.tolist() == [[tiny.EOS], [tiny.EOS]]


def test_what_each_token_sees() -> None:
    # picture: tokens 0 and 1; words: 2, 3; MASKs: 4, 5
    seen = masked_decoding_bias(2, 2, torch.device("cpu"), torch.float32)[0, 0] == 0
    assert [row.nonzero().flatten().tolist() for row in seen] == [
        [0, 1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2, 4],
        [0, 1, 2, 3, 5],
    ]
