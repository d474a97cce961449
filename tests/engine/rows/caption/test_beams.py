"""Beam search against trying every text, and against a search written with lists."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rows.caption.beams import LENGTH_PENALTY, BeamSearch
from tests.engine.artifacts.reference_captions import (
    NextLogits,
    beam_search,
    best_of_all,
    greedy,
    log_softmax,
    score,
)
from tests.engine.artifacts.tiny_model import Array

seeds = st.integers(0, 2**32 - 1)


def language(seed: int, vocabulary: int, scale: float = 2.0, forbidden: float = 0.0) -> NextLogits:
    """A random language model; a share of the words after each text has no probability at all."""

    def model(words: tuple[int, ...]) -> Array:
        rng = np.random.default_rng([seed, *words, len(words)])
        logits = (scale * rng.standard_normal(vocabulary)).astype(np.float32)
        gone = rng.random(vocabulary) < forbidden
        gone[rng.integers(vocabulary)] = False
        logits[gone] = -np.inf
        return logits

    return model


def found(model: NextLogits, width: int, eos: int, limit: int) -> BeamSearch:
    search = BeamSearch(width, eos, limit)
    while not search.done:
        before = [list(words) for words in search.words]
        parents = search.advance(np.stack([model(tuple(words)) for words in search.words]))
        for parent, words in zip(parents, search.words, strict=True):
            assert words[:-1] == before[parent]
            assert words[-1] != eos
        assert len(search.words) == width
        assert len(before[0]) < limit
    return search


@given(seeds, st.integers(2, 12), st.integers(1, 7), st.sampled_from([0.0, 0.4]))
def test_one_beam_takes_the_likeliest_word(
    seed: int, vocabulary: int, limit: int, forbidden: float
) -> None:
    model = language(seed, vocabulary, forbidden=forbidden)
    eos = seed % vocabulary
    assert found(model, 1, eos, limit).best == greedy(model, eos, limit)


@settings(deadline=None)
@given(
    seeds,
    st.integers(2, 4),
    st.integers(1, 4),
    st.sampled_from([0.1, 1.0, 4.0]),
    st.sampled_from([0.0, 0.3]),
)
def test_enough_beams_find_the_best_text_of_all(
    seed: int, vocabulary: int, limit: int, scale: float, forbidden: float
) -> None:
    model = language(seed, vocabulary, scale, forbidden)
    eos = seed % vocabulary
    width = max((vocabulary - 1) ** limit, 2)
    words, best = best_of_all(model, eos, limit)
    text = found(model, width, eos, limit).best
    assert text == words or math.isclose(score(total(model, text, eos, limit), text), best)


def total(model: NextLogits, text: list[int], eos: int, limit: int) -> float:
    ended = text if len(text) == limit else [*text, eos]
    return sum(log_softmax(model(tuple(text[:at])))[word] for at, word in enumerate(ended))


@settings(deadline=None)
@given(seeds, st.integers(2, 9), st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.0, 0.4]))
def test_few_beams_are_the_search_written_with_lists(
    seed: int, vocabulary: int, width: int, limit: int, forbidden: float
) -> None:
    model = language(seed, vocabulary, forbidden=forbidden)
    eos = seed % vocabulary
    assert found(model, width, eos, limit).best == beam_search(model, width, eos, limit)


def test_the_length_penalty_is_beit3s() -> None:
    """[EOS] at once, or two words: the longer text wins by its length alone."""
    assert LENGTH_PENALTY == 0.6
    short, long = math.log(0.4), math.log(0.6 * 0.6)
    assert short > long
    assert short / 2**0.6 < long / 4**0.6

    def model(words: tuple[int, ...]) -> Array:
        chances = {(): [0.4, 0.6, 0.0], (1,): [0.0, 0.4, 0.6], (1, 2): [1.0, 0.0, 0.0]}
        with np.errstate(divide="ignore"):
            logits: Array = np.log(np.array(chances.get(words, [1.0, 0.0, 0.0])))
        return logits

    assert found(model, 2, 0, 5).best == [1, 2]


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("vocabulary", [2, 3, 12])
def test_eos_first_is_an_empty_text(width: int, vocabulary: int) -> None:
    logits = np.zeros((width, vocabulary))
    logits[:, 1] = 40.0
    search = BeamSearch(width, 1, 6)
    search.advance(logits)
    assert search.done
    assert search.best == []


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_text_without_eos_ends_at_the_limit(width: int) -> None:
    search = BeamSearch(width, 0, 4)
    logits = np.tile([-90.0, 3.0, 2.0, 1.0], (width, 1))
    for _ in range(4):
        assert not search.done
        search.advance(logits)
    assert search.done
    assert search.best == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="done"):
        search.advance(logits)


def test_two_words_and_more_beams_than_texts() -> None:
    """With two tokens there is one text of each length: the other beams have no probability."""
    search = BeamSearch(3, 0, 3)
    for _ in range(3):
        if not search.done:
            search.advance(np.tile([math.log(0.1), math.log(0.9)], (3, 1)))
    assert search.best == [1, 1, 1]


def test_the_best_so_far_is_told_before_any_text_has_ended() -> None:
    search = BeamSearch(2, 0, 9)
    assert search.best == []
    search.advance(np.tile([-9.0, 1.0, 3.0], (2, 1)))
    assert search.best == [2]


def test_huge_logits_do_not_overflow() -> None:
    search = BeamSearch(2, 0, 2)
    with np.errstate(over="raise", invalid="raise"):
        search.advance(np.array([[-3e38, 3e38, 0.0]] * 2, np.float32))
    assert search.best == [1]


@given(seeds, st.integers(1, 4), st.integers(2, 12), st.integers(1, 3))
def test_ties_go_to_the_lowest_index(seed: int, width: int, vocabulary: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, levels, (width, vocabulary)).astype(np.float32)
    search = BeamSearch(width, vocabulary - 1, 9)
    parents = search.advance(logits)
    ranked = sorted(range(vocabulary), key=lambda word: -logits[0, word])  # stable
    words = [w for w in ranked if w != vocabulary - 1][:width]
    assert parents[: len(words)] == [0] * len(words)
    assert [text[0] for text in search.words][: len(words)] == words


@pytest.mark.parametrize("width", [1, 4])
def test_ties_of_many_words_go_to_the_lowest_index_too(width: int) -> None:
    """One beam is greedy decoding, and argmax takes the first of equals."""
    search = BeamSearch(width, 999, 9)
    search.advance(np.zeros((width, 1000), np.float32))
    assert [text[0] for text in search.words] == list(range(width))
