from __future__ import annotations

import random
from collections import Counter

import pytest

from artifact.pattern import SkipPattern
from models.once_tuning.gates import draw

DRAWS = 20_000


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.2])
def test_every_order_but_the_first_is_skipped_that_often(probability: float) -> None:
    rng = random.Random(5)
    executed = Counter(order for _ in range(DRAWS) for order in draw(rng, 8, probability))
    assert executed[0] == DRAWS, "order 0 is never skipped"
    spread = (probability * (1 - probability) / DRAWS) ** 0.5
    for order in range(1, 8):
        assert abs(1 - executed[order] / DRAWS - probability) < 4 * spread


def test_gates_are_independent() -> None:
    rng = random.Random(6)
    both = sum(
        1 not in drawn and 2 not in drawn for drawn in (draw(rng, 3, 0.5) for _ in range(DRAWS))
    )
    assert both / DRAWS == pytest.approx(0.25, abs=0.02)


def test_the_seed_fixes_the_gates() -> None:
    first, again = (
        [draw(random.Random(f"0/{step}"), 24, 0.1) for step in range(50)] for _ in range(2)
    )
    assert first == again
    assert first != [draw(random.Random(f"1/{step}"), 24, 0.1) for step in range(50)]


def test_a_draw_is_a_skip_pattern() -> None:
    rng = random.Random(7)
    for _ in range(200):
        SkipPattern(draw(rng, 8, 0.5), 8)
    assert draw(rng, 8, 0.0) == tuple(range(8))
    assert draw(rng, 1, 0.9) == (0,)


def test_a_share_of_the_draws_are_prefixes_of_the_stack() -> None:
    rng = random.Random(8)
    drawn = Counter(draw(rng, 8, 0.0, prefix_share=0.4) for _ in range(DRAWS))
    assert set(drawn) == {tuple(range(depth)) for depth in range(1, 9)}, "nothing but prefixes"
    for depth in range(1, 8):
        assert drawn[tuple(range(depth))] / DRAWS == pytest.approx(0.4 / 8, abs=0.007)


def test_prefixes_leave_the_other_draws_as_they_are() -> None:
    rng = random.Random(9)
    drawn = [draw(rng, 8, 0.1, prefix_share=0.5) for _ in range(DRAWS)]
    gaps = [executed for executed in drawn if executed != tuple(range(len(executed)))]
    closed = 1 - 0.9**7  # some gate; all but one in seven of them leave a gap
    assert len(gaps) / DRAWS == pytest.approx(0.5 * closed, rel=0.2)


def test_without_prefixes_the_draws_are_those_of_before() -> None:
    with_none, before = (random.Random(10) for _ in range(2))
    for _ in range(50):
        expected = (0, *(k for k in range(1, 8) if before.random() >= 0.1))
        assert draw(with_none, 8, 0.1) == expected
