from __future__ import annotations

import pytest

from artifact.pattern import SkipPattern
from exporters.ladder.chain import costs, free_patterns
from tests.exporters.ladder.drawn import ladder

FULL = SkipPattern.full(4)
D2, D3 = FULL.prefix(2), FULL.prefix(3)
FREE = SkipPattern((0, 3), 4)
CHAIN = ladder({"1100": 0.6, "1001": 0.7, "1010": 0.5, "1110": 0.8, "1111": 0.9}, "1001").as_chain()


def test_a_free_pattern_is_the_best_of_a_stops_depth() -> None:
    assert free_patterns(CHAIN, [D2, D3, FULL]) == {D2: FREE, D3: D3, FULL: FULL}


def test_a_cost_is_what_the_free_pattern_is_better_by() -> None:
    shares = {
        D2: {"vqa": 0.5, "reason": 0.75},
        FREE: {"vqa": 0.75, "reason": 0.5},
        D3: {"vqa": 0.9, "reason": 0.9},
    }
    at_two, at_three = costs({D2: FREE, D3: D3}, shares)
    assert (at_two.stop, at_two.free) == (D2, FREE)
    assert at_two.cost == {"vqa": 0.25, "reason": -0.25}
    assert at_two.mean == 0.0
    assert at_three.cost == {"vqa": 0.0, "reason": 0.0}, "compared with itself"


def test_a_free_search_that_never_looked_costs_nothing() -> None:
    few = ladder({"1111": 0.9}, "1111").as_chain()
    assert free_patterns(few, [D2]) == {D2: D2}
    with pytest.raises(KeyError):
        costs({D2: D3}, {D2: {"vqa": 0.5}})
