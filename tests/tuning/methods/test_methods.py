"""Which orders a step executes, and the shape that a method tunes in."""

from __future__ import annotations

import random

import pytest

from tests.models import tiny
from tuning.methods import tuning_method
from tuning.recipes.parts import Full, Otmv


def executed(said: Full | Otmv, step: int, draws: int = 400) -> list[tuple[int, ...]]:
    method, rng = tuning_method(said), random.Random(0)
    return [method.executed(rng, step, 4) for _ in range(draws)]


def test_full_executes_one_depth() -> None:
    assert set(executed(Full(kind="full"), 0)) == {(0, 1, 2, 3)}
    assert set(executed(Full(kind="full", depth=2), 0)) == {(0, 1)}
    with pytest.raises(ValueError, match=r"method\.depth is 5: the model has 4 orders"):
        tuning_method(Full(kind="full", depth=5)).shaped(tiny.config())


def test_the_skip_probability_rises_to_what_the_recipe_says() -> None:
    said = Otmv(kind="otmv", skip_probability=0.5, rise_steps=100)
    for step, chance in ((0, 0.005), (49, 0.25), (99, 0.5), (500, 0.5)):
        skipped = sum(4 - len(orders) for orders in executed(said, step)) / (3 * 400)
        assert skipped == pytest.approx(chance, abs=0.04), step


def test_a_share_of_the_draws_are_prefixes() -> None:
    said = Otmv(kind="otmv", skip_probability=0.0, prefix_share=1.0)
    assert set(executed(said, 0)) == {tuple(range(depth)) for depth in range(1, 5)}


def test_otmv_shares_keys_and_merges_only_if_asked() -> None:
    released = tiny.config(keys=4, merged_feed_forward=False, readout="last")
    shared = tuning_method(Otmv(kind="otmv", keys=2)).shaped(released)
    assert (shared.keys, shared.merged_feed_forward, shared.readout) == (2, True, "series")
    own = tuning_method(Otmv(kind="otmv")).shaped(tiny.config())
    assert (own.keys, own.merged_feed_forward) == (2, True)
