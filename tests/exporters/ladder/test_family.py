from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from artifact.pattern import SkipPattern
from exporters.ladder.family import MARGIN, RISE, family
from tests.exporters.ladder.drawn import ladder

ALL = [f"1{rest:03b}" for rest in range(8)]


def test_family_drops_rungs_that_do_not_rise_and_keeps_full() -> None:
    found = ladder({"1000": 0.5, "1100": 0.7, "1110": 0.7 + RISE / 2, "1111": 0.8}, "1111")
    assert [pattern.bits for pattern in family(found)] == ["1000", "1100", "1111"]


def test_family_drops_what_full_does_not_beat() -> None:
    found = ladder({"1000": 0.5, "1100": 0.7, "1110": 0.81, "1111": 0.8}, "1111")
    assert [pattern.bits for pattern in family(found)] == ["1000", "1100", "1111"]


def test_family_takes_a_pattern_off_the_ladder_only_for_a_margin() -> None:
    near = {"1000": 0.5, "1100": 0.7, "1001": 0.7 + MARGIN / 2, "1111": 0.8}
    assert "1001" not in [pattern.bits for pattern in family(ladder(near, "1100"))]
    far = {**near, "1001": 0.7 + 2 * MARGIN}
    assert [pattern.bits for pattern in family(ladder(far, "1100"))] == [
        "1000",
        "1100",
        "1001",
        "1111",
    ]


@given(st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8), st.sampled_from(ALL))
def test_of_a_chain_each_variants_orders_begin_the_next_ones(
    qualities: list[float], spine: str
) -> None:
    found = ladder(dict(zip(ALL, qualities, strict=True)), spine).as_chain()
    shipped = family(found)
    assert shipped[-1] == SkipPattern.full(4)
    for shallow, deep in itertools.pairwise(shipped):
        assert shallow.is_prefix_of(deep)
        assert shallow.depth < deep.depth
    rising = [found.quality[stop] for stop in shipped]
    steps = [high - low for low, high in itertools.pairwise(rising)]
    assert all(step >= RISE - 1e-12 for step in steps)


def test_a_chain_takes_nothing_off_the_ladder_however_good() -> None:
    far = {"1000": 0.5, "1100": 0.6, "1001": 0.75, "1110": 0.7, "1111": 0.8}
    found = ladder(far, "1001")
    assert "1001" in [pattern.bits for pattern in family(found)]
    assert [pattern.bits for pattern in family(found.as_chain())] == [
        "1000",
        "1100",
        "1110",
        "1111",
    ]
