from __future__ import annotations

import pytest

from tests.engine.elastic.fake_loop import FakeLoop, value
from tests.engine.elastic.routes import PATTERNS

STEPS_PER_ROW = 400


def run(seed: int) -> FakeLoop:
    """Random arrivals, cancels and budgets until every row has ended."""
    loop = FakeLoop(seed)
    offered = loop.random.randint(1, 24)
    number = steps = 0
    while number < offered or loop.rows:
        if number < offered and (not loop.rows or loop.random.random() < 0.4):
            loop.offer(number)
            number += 1
        if loop.rows and loop.random.random() < 0.03:
            loop.cancel()
        if loop.rows:
            assert loop.decide(), "rows wait and nothing happens"
        steps += 1
        assert steps < STEPS_PER_ROW * offered, "a row waits for ever"
    assert sorted(loop.ends) == list(range(offered))
    return loop


def check(loop: FakeLoop) -> None:
    for number, ends in loop.ends.items():
        assert len(ends) == 1, "ended more than once"
        assert (ends == ["answered"]) == (number in loop.answers)
    for number, (variant, answer) in loop.answers.items():
        assert answer == value(number, PATTERNS[variant].executed), "company changed an answer"


@pytest.mark.parametrize("block", range(10))
def test_random_schedules(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        check(run(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_ten_thousand_random_schedules(block: int) -> None:
    for seed in range(block * 1000, block * 1000 + 1000):
        check(run(seed))
